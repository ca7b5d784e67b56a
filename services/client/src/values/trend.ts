/* How the time of a calculation grows with the digits of its result, as the points of one kind have it: time = FACTOR · digits ^ POWER. */

export interface Point {
	digits: number;
	us: number;
}

export interface Trend {
	power: number;
	factor: number;
}

const FEWEST = 3;

/* The line of least squares between the logarithms. null: there are too few points, or all have as many digits. */
export function trendOf(points: readonly Point[]): Trend | null {
	const known = points.filter(({ digits, us }) => digits > 0 && us > 0);
	if (known.length < FEWEST) return null;
	const logs = known.map(({ digits, us }) => [Math.log(digits), Math.log(us)] as const);
	const middle = (at: 0 | 1) => logs.reduce((sum, log) => sum + log[at], 0) / logs.length;
	const [x, y] = [middle(0), middle(1)];
	const spread = logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
	if (spread < 1e-9) return null;
	const power = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0) / spread;

	return { power, factor: Math.exp(y - power * x) };
}

export function timeOf({ power, factor }: Trend, digits: number): number {
	return factor * digits ** power;
}
