/** Many machines at once: starting, stopping, and running a command. */
import type { Executable } from '../executables.ts';
import type { Machine } from '../node-file.ts';
import { type Crowd, eachMachine, type MachineResult } from './each-machine.ts';
import { type ExecPlan, type Executed, execOn } from './exec-on.ts';
import type { MachineShell } from './machine-shell.ts';
import { runWindrowOn, type WindrowPlan } from './run-windrow.ts';
import { SharedPlaces } from './shared-places.ts';
import { type Started, type StartPlan, startOn } from './start-machine.ts';
import { type StopPlan, type Stopped, stopOn } from './stop-machine.ts';

type OnResult<T> = (result: MachineResult<T>) => void;
type Plan<P> = Omit<P, 'clock' | 'signal'>;

/** Starts a worker on each that has none of this session. One result a machine; never rejects. */
export async function startMachines(
  crowd: Crowd,
  plan: Plan<StartPlan>,
  onResult: OnResult<Started>,
): Promise<MachineResult<Started>[]> {
  const places = new SharedPlaces();
  const whole = { ...foundOnce(plan), clock: crowd.clock, signal: crowd.signal };
  const work = (machine: Machine, shell: MachineShell) => startOn(machine, shell, places, whole);
  return await eachMachine(crowd, work, { onResult });
}

/** All machines of a platform get the same executable, which is looked for and read once. */
function foundOnce<P extends Pick<StartPlan, 'executableFor'>>(plan: P): P {
  const found = new Map<string, Promise<Executable>>();
  const executableFor = (uname: string) => {
    const known = found.get(uname) ?? plan.executableFor(uname);
    found.set(uname, known);
    return known;
  };
  return { ...plan, executableFor };
}

/** Ends the workers of these machines, and waits until they are gone. Never rejects. */
export async function stopMachines(
  crowd: Crowd,
  plan: Plan<StopPlan>,
  onResult: OnResult<Stopped>,
): Promise<MachineResult<Stopped>[]> {
  const whole = { ...plan, clock: crowd.clock, signal: crowd.signal };
  return await eachMachine(crowd, (machine, shell) => stopOn(machine, shell, whole), { onResult });
}

/** Runs Windrow itself on each, which is put into place first. Never rejects. */
export async function runWindrow(
  crowd: Crowd,
  plan: Plan<WindrowPlan>,
  hooks: { readonly onErrorLine: (machine: Machine, line: string) => void },
): Promise<MachineResult<number>[]> {
  const places = new SharedPlaces();
  const whole = { ...foundOnce(plan), clock: crowd.clock, signal: crowd.signal };
  const work = (machine: Machine, shell: MachineShell) =>
    runWindrowOn(machine, shell, places, whole);
  return await eachMachine(crowd, work, hooks);
}

/** Runs a command on each. Never rejects. */
export async function execMachines(
  crowd: Crowd,
  plan: ExecPlan,
  hooks: {
    readonly onResult: OnResult<Executed>;
    readonly onErrorLine: (machine: Machine, line: string) => void;
  },
): Promise<MachineResult<Executed>[]> {
  return await eachMachine(crowd, (machine, shell) => execOn(machine, shell, plan), hooks);
}
