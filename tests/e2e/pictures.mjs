// Compares what a page looks like with a small stored picture of it (looks/NAME.webp), in the browser, which can read, scale and write both.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const QUALITY = 0.5; // of the stored pictures: a few kB each
const BLOCK_PX = 8; // of the small picture; the means of such blocks are compared, which neither WebP nor how letters are smoothed changes much
const DIFFERS_FROM = 6; // of 255, in any colour
const MOST_BLOCKS = 1; // may differ; a heading that is gone changes more
const HIGHER_PX = 2; // of the small picture

const folder = resolve(dirname(fileURLToPath(import.meta.url)), "looks");
export const isUpdating = process.env.LOOKS === "update";

export const stored = (name) => resolve(folder, name);
export function store(name, content) {
	mkdirSync(folder, { recursive: true });
	writeFileSync(stored(name), content);
}

// Runs in the browser. Returns the small picture, how much higher it is than the one before, and the corners of the blocks that differ.
async function compare({ now, before, px, quality, block, from }) {
	const bitmap = async (base64) => createImageBitmap(await (await fetch(`data:;base64,${base64}`)).blob());
	const draw = (image, height) => {
		const canvas = new OffscreenCanvas(px, height);
		const context = canvas.getContext("2d", { willReadFrequently: true });
		context.imageSmoothingQuality = "high";
		context.drawImage(image, 0, 0, px, height);
		return { canvas, data: context.getImageData(0, 0, px, height).data };
	};
	const sum = (data, x, y, height, colour) => {
		let total = 0;
		for (let row = y; row < Math.min(y + block, height); row++)
			for (let column = x; column < Math.min(x + block, px); column++) total += data[4 * (row * px + column) + colour];
		return total;
	};

	const picture = await bitmap(now);
	const { canvas } = draw(picture, Math.round((px * picture.height) / picture.width));
	const small = await canvas.convertToBlob({ type: "image/webp", quality });
	const bytes = new Uint8Array(await small.arrayBuffer());
	const kept = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
	if (!before) return { kept, higher: 0, places: [] };

	const shown = draw(await createImageBitmap(small), canvas.height); // as WebP has it, because the stored one is
	const was = await bitmap(before);
	const old = draw(was, was.height);
	const height = Math.min(was.height, canvas.height);
	const places = [];
	for (let y = 0; y < height; y += block)
		for (let x = 0; x < px; x += block) {
			const area = Math.min(block, px - x) * Math.min(block, height - y);
			const differs = [0, 1, 2].some(
				(colour) => Math.abs(sum(shown.data, x, y, height, colour) - sum(old.data, x, y, height, colour)) > from * area,
			);
			if (differs) places.push([x, y]);
		}
	return { kept, higher: canvas.height - was.height, places };
}

// What is wrong with a picture of a page; null: it looks as stored, or was stored now. SCALE: how many pixels of the picture are one of the small one;
// BLANK: an empty page of the browser, to work in.
export async function pictureProblem(blank, name, picture, { width, scale }) {
	const file = `${name}.webp`;
	const before = !isUpdating && existsSync(stored(file)) ? readFileSync(stored(file), "base64") : null;
	const { kept, higher, places } = await blank.evaluate(compare, {
		now: picture.toString("base64"),
		before,
		px: width / scale,
		quality: QUALITY,
		block: BLOCK_PX,
		from: DIFFERS_FROM,
	});
	if (isUpdating) store(file, Buffer.from(kept, "base64"));
	else if (!before) return `${name}: there is no tests/e2e/looks/${file}`;
	else if (Math.abs(higher) > HIGHER_PX) return `${name} is ${scale * higher} px higher than tests/e2e/looks/${file}`;
	else if (places.length > MOST_BLOCKS)
		return `${name} differs from tests/e2e/looks/${file} near ${places
			.slice(0, 5)
			.map((at) => at.map((px) => scale * px).join(","))
			.join(" ")}`;
	return null;
}
