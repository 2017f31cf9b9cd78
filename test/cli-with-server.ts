import type { ApiHandlers } from '#wire';
import { type CliWorld, type CliWorldOptions, openCliWorld } from './cli-world.ts';
import { type FakeApiServer, openFakeApiServer } from './fake-api-server.ts';

/** A world with a server, which the environment names, so that every command finds it. */
export async function inWorld(
  handlers: Partial<ApiHandlers>,
  use: (cli: CliWorld, server: FakeApiServer) => Promise<void>,
  options: CliWorldOptions = {},
): Promise<void> {
  const fake = await openFakeApiServer(handlers);
  const environment = {
    WINDROW_SERVER: fake.url,
    WINDROW_TOKEN: fake.token,
    ...options.environment,
  };
  const cli = openCliWorld({ ...options, environment });
  try {
    await use(cli, fake);
  } finally {
    cli.close();
    await fake.close();
  }
}
