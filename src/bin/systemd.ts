/** What systemd wants to be told (sd_notify(3)). Its socket takes datagrams, which Node.js cannot send. */
import { openStarter } from '#sandbox';

const NOTIFY_MS = 5000;

/**
 * Tells systemd, where it asked to be told, with the program that comes with it; the unit allows it
 * by `NotifyAccess=all`. What systemd does not hear is no reason to fail.
 */
export async function notifySystemd(
  state: 'ready' | 'stopping',
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { NOTIFY_SOCKET, PATH = '/usr/bin:/bin' } = environment;
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return;
  const words = state === 'ready' ? ['READY=1', `MAINPID=${process.pid}`] : ['STOPPING=1'];
  const starter = openStarter({ launcherPath: null });
  try {
    await starter.start({
      file: 'systemd-notify',
      argv: ['systemd-notify', ...words],
      environment: { NOTIFY_SOCKET, PATH },
      directory: '/',
      stdin: null,
      timeoutMs: NOTIFY_MS,
      killGraceMs: 0,
      onOutput: () => {},
    }).ended;
  } finally {
    await starter.close();
  }
}
