import { join } from 'node:path';
import { sharingOf } from '#base';
import type { CommandInput } from '../command.ts';
import { logChoice } from '../log-choice.ts';
import type { TraceStoreOptions } from '../port.ts';
import type { serve as spec } from '../table/serve.ts';
import { tlsWishOf } from '../tls-wish.ts';
import { readTrapSettings } from '../trap-settings.ts';
import type { SettingValues, World } from '../world.ts';

/** `windrow serve` */
export async function serve(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { listen, stateDirectory, insecure, leaseMs, pingMs, diskReserveBytes, executables } =
    input.settings.values;
  const sharing = sharingOf(input.settings.values);
  const log = logChoice(input.settings, world);
  const traces = traceStoreOf(input.settings.values);
  const { policyFile, policyMs } = input.settings.values;
  const timing = { leaseMs, pingMs, diskReserveBytes, executables, policyFile, policyMs };
  const options = {
    listen,
    stateDirectory,
    insecure,
    tls: tlsWishOf(input.settings.values),
    ...timing,
    staging: input.settings.values,
    sharing,
    traces,
    traps: input.settings.values.traps ? readTrapSettings({}, world).settings.values : null,
    rules: input.settings.values.rules,
    log,
  };
  return await input.composition.serve(options, world);
}

function traceStoreOf(values: SettingValues): TraceStoreOptions | null {
  if (!values.traces) return null;
  return {
    directory: values.traceStore || join(values.stateDirectory, 'traces'),
    account: values.traceAccount,
    secretFile: values.traceSecretFile,
    clientAuthority: values.traceClientAuthority,
    anonymous: values.traceAnonymous,
    fileLimitBytes: values.traceFileLimitBytes,
    idLimitBytes: values.traceIdLimitBytes,
    idFiles: values.traceIdFiles,
    keepMs: values.traceKeepMs,
    spaceBytes: values.traceSpaceBytes,
  };
}
