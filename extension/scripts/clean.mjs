// Removes everything that a build makes, so that a production build never carries old files.
import { rmSync } from 'node:fs';

for (const path of ['lib', 'tsconfig.tsbuildinfo', 'studyhall_extension/labextension']) {
  rmSync(path, { recursive: true, force: true });
}
