// For bundles: imports of a room's door become imports of the files behind it.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Where each name that a room's door gives is defined: `WorkerAgent` → `src/worker/agent.ts`. */
function readDoor(room) {
  const folder = join(root, 'src', room);
  const definitions = new Map();
  const text = readFileSync(join(folder, 'mod.ts'), 'utf8');
  for (const [, names, file] of text.matchAll(/^export \{([^}]*)\} from '([^']+)';/gm)) {
    for (const name of names.split(',')) definitions.set(name.trim(), join(folder, file));
  }
  return definitions;
}

/**
 * Past the doors: parts are split by file, and whoever goes through a door would need all that is
 * behind it. Names that a door gives under another name still come through it.
 */
export function pastDoors(text) {
  // The same for zod's languages and formats, which stand behind its `z`.
  const direct = text.replace("import { z } from 'zod';", "import * as z from 'zod';");
  return direct.replace(/^import \{([^}]*)\} from '#(\w+)';/gm, (_all, names, room) => {
    const door = readDoor(room);
    const values = names.split(',').map((name) => name.trim());
    return values
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => {
        const file = door.get(name.split(' as ')[0]) ?? join(root, 'src', room, 'mod.ts');
        return `import { ${name} } from '${file}';`;
      })
      .join(' ');
  });
}
