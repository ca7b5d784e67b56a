import { type CSSProperties, Fragment } from "react";
import { copyWithoutSpaces } from "./copy";
import { groupsOf, type Scientific, type Shown } from "./digits";
import { formatCount } from "./format";

/* In groups of three. The space between them is a margin, so that it cannot be copied; a line may be broken there. */
export function Groups({ digits }: { digits: string }) {
	return groupsOf(digits).map((group, at) => (
		// biome-ignore lint/suspicious/noArrayIndexKey: a group is its place
		<Fragment key={at}>
			<span className="group">{group}</span>
			<wbr />
		</Fragment>
	));
}

const SIZES = [12, 24, 45, 80, 180]; // up to so many digits; the stylesheet has a size of type for each, and one for more

/* Drawn as large as its digits allow. */
export function BigNumber({ shown }: { shown: Shown }) {
	const count = shown.first.length + shown.last.length;
	const size = SIZES.filter((most) => count > most).length;

	return (
		<p className="big" data-size={size} style={{ "--digits": count } as CSSProperties} onCopy={copyWithoutSpaces}>
			<Groups digits={shown.first} />
			{shown.last !== "" && (
				<>
					<span className="big-gap">…</span>
					<wbr />
					<Groups digits={shown.last} />
				</>
			)}
		</p>
	);
}

/* ≈ 3.160 × 10^208,987, with the caret only for what is copied or read out. */
export function Approximation({ mantissa, exponent, isExact }: Scientific) {
	return (
		<span className="approximation">
			{isExact ? "=" : "≈"} {mantissa} × 10<span className="is-sr-only">^</span>
			<sup>{formatCount(exponent)}</sup>
		</span>
	);
}
