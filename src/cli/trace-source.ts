import type { TraceSource } from './port.ts';
import type { SettingValues } from './world.ts';

/** Where the settings of this machine say its traces are. */
export function traceSourceOf(values: SettingValues): TraceSource {
  return {
    directory: values.traceDirectory,
    match: values.traceMatch,
    switchFile: values.traceSwitch,
    switchText: `${values.traceSwitchText}\n`,
    compression: values.traceCompression,
    own:
      values.traceCertificate === ''
        ? null
        : {
            certificate: values.traceCertificate,
            key: values.traceKey || values.traceCertificate,
          },
  };
}
