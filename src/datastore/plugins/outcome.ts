/** How a transfer by plugin ended, and what that means in HTCondor's codes. */
import { constants } from 'node:os';
import type { AdReader } from './ads.ts';
import { howItEnded } from './describe.ts';
import type { PluginProcessEnd } from './port.ts';

export interface PluginTransfer {
  readonly url: string;
  /** Absolute: the file to write (download) or to read (upload). */
  readonly path: string;
}

/** Why one attempt of a plugin at a file failed, as it said itself (TransferErrorData). */
export interface PluginFault {
  readonly type: string;
  readonly code: number | null;
  readonly text: string;
}

export type Outcome = {
  readonly transfer: PluginTransfer;
  /** As the plugin told; null where it did not. */
  readonly bytes: number | null;
  readonly protocol: string | null;
} & (
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** The plugin's own message where it gave one. */
      readonly reason: string;
      /** See `subcodeOf`. */
      readonly subcode: number;
      readonly faults: readonly PluginFault[];
    }
);

/** HTCondor's HoldReasonCode for input and for output by plugin. */
export const HOLD_CODES = { download: 13, upload: 12 } as const;
const TIMED_OUT = 62;
/** For what the plugin did not own up to: the exit status 1, shifted. */
const LIED = 256;

/**
 * HTCondor's HoldReasonSubCode: the exit status times 256, the number of the signal, or 62 for one
 * that took too long. The manual has the exit status unshifted in one place; the code has not.
 */
export function subcodeOf(end: PluginProcessEnd): number {
  if (end.how === 'timed-out') return TIMED_OUT;
  if (end.signal !== null) return constants.signals[end.signal] ?? 0;
  return end.exitCode ? end.exitCode * 256 : LIED;
}

export function succeeded(transfer: PluginTransfer, ad: AdReader | null): Outcome {
  return {
    transfer,
    ok: true,
    bytes: bytesTold(ad),
    protocol: ad?.text('TransferProtocol') ?? null,
  };
}

/** @param reason what is said when the plugin itself says nothing */
export function failed(
  transfer: PluginTransfer,
  ad: AdReader | null,
  end: PluginProcessEnd,
  reason = `the plugin ${howItEnded(end)}`,
): Outcome {
  return {
    transfer,
    ok: false,
    bytes: bytesTold(ad),
    protocol: ad?.text('TransferProtocol') ?? null,
    reason: ad?.text('TransferError') || reason,
    subcode: subcodeOf(end),
    faults: (ad?.ads('TransferErrorData') ?? []).slice(0, MOST_FAULTS).map(faultOf),
  };
}

const MOST_FAULTS = 20;

function faultOf(ad: AdReader): PluginFault {
  return {
    type: ad.text('ErrorType') ?? '',
    code: ad.number('ErrorCode'),
    text: ad.text('ErrorString') ?? '',
  };
}

/** 0 is what plugins write that do not count. */
function bytesTold(ad: AdReader | null): number | null {
  return ad?.number('TransferTotalBytes') || ad?.number('TransferFileBytes') || null;
}
