const RODS = 60; // more than the widest page has room for; what does not fit is cut off
const ROD_WIDTH = 20;
const HEIGHT = 92;
const BAR = 30;
const BEAD = 13;
const BEAD_PATH = "M-8.5 0L-3-6H3L8.5 0 3 6H-3Z";

function Bead({ y, counts }: { y: number; counts: boolean }) {
	return <path d={BEAD_PATH} className={counts ? "soroban-bead is-counted" : "soroban-bead"} style={{ transform: `translateY(${y}px)` }} />;
}

/* One bead of five above the bar, four of one below it; those that count lie at the bar. */
function Rod({ at, digit, isUnit }: { at: number; digit: number; isUnit: boolean }) {
	const ones = digit % 5;

	return (
		<g transform={`translate(${(at + 0.5) * ROD_WIDTH} 0)`}>
			<path d={`M0 2V${HEIGHT - 2}`} className="soroban-rod" />
			<Bead y={digit >= 5 ? BAR - 8 : 8} counts={digit >= 5} />
			{[0, 1, 2, 3].map((bead) => (
				<Bead key={bead} y={bead < ones ? BAR + 8 + bead * BEAD : HEIGHT - 7 - (3 - bead) * BEAD} counts={bead < ones} />
			))}
			{isUnit && <circle cy={BAR} r="1.4" className="soroban-unit" />}
		</g>
	);
}

/* The first digits of a number as a soroban has them, with a dot where a group ends. It repeats what is written, so it is not read out. */
export function Soroban({ digits, length }: { digits: string; length: number }) {
	return (
		<svg
			className="soroban"
			viewBox={`0 0 ${RODS * ROD_WIDTH} ${HEIGHT}`}
			preserveAspectRatio="xMinYMid slice"
			aria-hidden="true"
			focusable="false"
		>
			{Array.from({ length: RODS }, (_, at) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a rod is its place
				<Rod key={at} at={at} digit={Number(digits[at] ?? 0)} isUnit={(((length - 1 - at) % 3) + 3) % 3 === 0} />
			))}
			<path d={`M0 ${BAR}H${RODS * ROD_WIDTH}`} className="soroban-bar" />
		</svg>
	);
}
