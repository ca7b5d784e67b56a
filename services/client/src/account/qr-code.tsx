import encodeQR from "qr";

const QUIET = 4; // modules of margin (ISO/IEC 18004)

/* The dark modules as one path: a rectangle for each run of a row. */
function pathOf(rows: boolean[][]): string {
	return rows
		.flatMap((row, y) =>
			[
				...row
					.map((isDark) => (isDark ? "1" : "0"))
					.join("")
					.matchAll(/1+/g),
			].map(({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`),
		)
		.join("");
}

/* Black on white in dark mode too, because many cameras read no other. */
export function QrCode({ text, label }: { text: string; label: string }) {
	const rows = encodeQR(text, "raw", { ecc: "medium", border: QUIET });
	const size = rows.length;

	return (
		<svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
			<rect width={size} height={size} fill="#fff" />
			<path d={pathOf(rows)} fill="#000" />
		</svg>
	);
}
