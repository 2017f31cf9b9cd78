/** policy: what jobs and sites say about the life of tasks; what fires, in which order, and why. */
export {
  type Decision,
  decide,
  decideOnMachine,
  POLICY_BUDGET,
  type PolicySurround,
  type Verdict,
} from './decide.ts';
export { policyErrors } from './errors.ts';
export { type PolicyNeeds, policyNeeds } from './needs.ts';
export { readPolicyFile } from './read-file.ts';
export {
  type MachinePolicy,
  NO_MACHINE_POLICY,
  NO_SITE_POLICY,
  printSitePolicy,
  type ReadSitePolicy,
  readSitePolicy,
  type SitePolicy,
  type SiteRule,
} from './site-policy.ts';
