import { useQuery } from "@tanstack/react-query";
import { useLocation, useMatch } from "react-router";
import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { formatCount, formatDigits } from "../values/format";
import { isKind, KIND_NAMES, KINDS, nameOfValue } from "../values/kinds";
import { kindsQuery } from "../values/values";

/* What a link to a value leads to, for a visitor who must log in before it is shown: its title, heading and lead. */
function leadingTo(kind: string | undefined, index: string | undefined) {
	const name = nameOfValue(kind, index);
	if (!name || !isKind(kind)) return null;
	const digits = Math.max(1, Math.floor(KINDS[kind].digits(Number(index))));

	return {
		title: name,
		heading: name,
		lead: `${KINDS[kind].notation(formatCount(Number(index)))} has ${digits > 20 ? "about " : ""}${formatDigits(digits)}. Log in to see them.`,
	};
}

const HOME = {
	title: "Abacus",
	heading: "Large numbers, the moment they are known",
	lead: "Submit an index, and watch its result arrive: Fibonacci and Lucas numbers, factorials, primorials, up to half a million digits.",
};

/* Home of a logged-out visitor. */
export function Welcome() {
	const { data: kinds } = useQuery(kindsQuery);
	const { pathname } = useLocation();
	const isHome = useMatch("/");
	const value = useMatch("/values/:kind/:index");
	const state = isHome ? undefined : { from: pathname };

	return (
		<Page {...(leadingTo(value?.params.kind, value?.params.index) ?? HOME)}>
			<p className="buttons">
				<Link className="button is-primary" to="/login" state={state}>
					Log in
				</Link>
				<Link className="button" to="/register" state={state}>
					Register
				</Link>
			</p>
			<ul className="kinds">
				{KIND_NAMES.map((kind) => {
					const facts = kinds?.find((one) => one.kind === kind);
					return (
						<li key={kind} className="sheet">
							<h2 className="kind-name">
								{KINDS[kind].name} <span className="notation">{KINDS[kind].notation("n")}</span>
							</h2>
							<p className="kind-text">{facts?.description}</p>
							<p className="soft">{facts && `Index 0 to ${formatCount(facts.limit)}`}</p>
						</li>
					);
				})}
			</ul>
		</Page>
	);
}
