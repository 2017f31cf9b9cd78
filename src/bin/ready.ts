/** Telling the service manager (sd_notify(3)) that the server accepts connections. */
import { findTool, runTool } from '#sandbox';

/**
 * By systemd-notify(1), because Node.js has no datagram sockets of Unix; its message comes from a
 * child of this process, hence `NotifyAccess=all` in the unit. Nothing happens where nobody listens.
 * @returns why it could not be told, or null
 */
export async function tellReady(
  environment: Readonly<Record<string, string | undefined>>,
  status: string,
): Promise<string | null> {
  const socket = environment.NOTIFY_SOCKET;
  if (!socket) return null;
  const tool = findTool('systemd-notify');
  if (tool === null) return 'systemd-notify is missing';
  const { fault } = await runTool([tool, '--ready', `--status=${status}`], {
    environment: { NOTIFY_SOCKET: socket },
  });
  return fault || null;
}
