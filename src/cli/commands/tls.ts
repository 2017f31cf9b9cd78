/** `windrow tls init/renew/show` */
import type { CommandInput } from '../command.ts';
import { formatMoment } from '../format.ts';
import type { CertificateView } from '../port.ts';
import type * as specs from '../table/tls.ts';
import { formatFacts } from '../text-table.ts';
import { tlsDirectory, tlsFilesOf } from '../tls-wish.ts';
import type { World } from '../world.ts';

export async function tlsInit(
  input: CommandInput<typeof specs.init>,
  world: World,
): Promise<number> {
  const certificates = await input.composition.certificates();
  const names = input.args.length > 0 ? input.args : certificates.ownNames();
  const directory = tlsDirectory(input.settings.values);
  const made = await certificates.init(directory, names, world.clock.now());
  return await tell(made, input.options.json, world);
}

export async function tlsRenew(
  input: CommandInput<typeof specs.renew>,
  world: World,
): Promise<number> {
  const certificates = await input.composition.certificates();
  const directory = tlsDirectory(input.settings.values);
  const made = await certificates.renew(directory, input.args, world.clock.now());
  return await tell(made, input.options.json, world);
}

export async function tlsShow(
  input: CommandInput<typeof specs.show>,
  world: World,
): Promise<number> {
  const certificates = await input.composition.certificates();
  const { values } = input.settings;
  const files = tlsFilesOf(values, values.stateDirectory);
  return await tell(certificates.show(files, world.clock.now()), input.options.json, world);
}

async function tell(view: CertificateView, json: boolean, world: World): Promise<number> {
  const { pin, fingerprint, names, validFromMs, validToMs } = view;
  if (json) {
    await world.stdout.json({ pin, fingerprint, names, validFromMs, validToMs });
    return 0;
  }
  await world.stdout.write(
    formatFacts([
      ['pin', `sha256:${pin}`],
      ['certificate', fingerprint === pin ? '' : `sha256:${fingerprint}`],
      ['names', names.join(', ')],
      ['valid from', formatMoment(validFromMs)],
      ['valid until', formatMoment(validToMs)],
    ]),
  );
  return 0;
}
