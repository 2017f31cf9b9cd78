/**
 * Why a task is held, as numbers: the ones that HTCondor gives (HoldReasonCode and
 * HoldReasonSubCode), so that its users' expressions and tools know them.
 */
export const HOLD_CODES = {
  Unspecified: 0,
  UserRequest: 1,
  JobPolicy: 3,
  CorruptedCredential: 4,
  JobPolicyUndefined: 5,
  FailedToCreateProcess: 6,
  UnableToOpenOutput: 7,
  UnableToOpenInput: 8,
  UnableToOpenOutputStream: 9,
  UnableToOpenInputStream: 10,
  InvalidTransferAck: 11,
  TransferOutputError: 12,
  TransferInputError: 13,
  IwdError: 14,
  SubmittedOnHold: 15,
  SpoolingInput: 16,
  JobShadowMismatch: 17,
  InvalidTransferGoAhead: 18,
  HookPrepareJobFailure: 19,
  MissedDeferredExecutionTime: 20,
  StartdHeldJob: 21,
  UnableToInitUserLog: 22,
  FailedToAccessUserAccount: 23,
  NoCompatibleShadow: 24,
  InvalidCronSettings: 25,
  SystemPolicy: 26,
  SystemPolicyUndefined: 27,
  MaxTransferInputSizeExceeded: 32,
  MaxTransferOutputSizeExceeded: 33,
  JobOutOfResources: 34,
  InvalidDockerImage: 35,
  FailedToCheckpoint: 36,
  PreScriptFailed: 43,
  PostScriptFailed: 44,
  SingularityTestFailed: 45,
  JobDurationExceeded: 46,
  JobExecuteExceeded: 47,
  HookShadowPrepareJobFailure: 48,
  CannotSwitchPrimaryGroup: 49,
} as const;

export type HoldName = keyof typeof HOLD_CODES;

export interface Hold {
  /** One of `HOLD_CODES`. */
  readonly code: number;
  /** Says more within the code; 0 where there is nothing more to say. */
  readonly subcode: number;
}

const NAMES = new Map<number, HoldName>(
  Object.entries(HOLD_CODES).map(([name, code]) => [code, name as HoldName]),
);

export function hold(name: HoldName, subcode = 0): Hold {
  return { code: HOLD_CODES[name], subcode };
}

/** `UserRequest` for 1; `Unspecified` for numbers that nobody gives. */
export function holdName(code: number): HoldName {
  return NAMES.get(code) ?? 'Unspecified';
}
