// Writes a .gz beside each file that gets smaller by it: nginx serves those (gzip_static) and compresses nothing itself.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";

const dist = process.env.DIST ?? "dist";

for (const name of readdirSync(dist, { recursive: true })) {
	const path = join(dist, name);
	if (!statSync(path).isFile() || !/\.(html|js|css|svg|txt|json|webmanifest)$/.test(name)) continue;
	const plain = readFileSync(path);
	const packed = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
	if (packed.length < plain.length) writeFileSync(`${path}.gz`, packed);
}
