import { useQuery } from "@tanstack/react-query";
import { useLocation, useMatch } from "react-router";
import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { formatCount } from "../values/format";
import { KIND_NAMES, KINDS } from "../values/kinds";
import { kindsQuery } from "../values/values";

/* Home of a logged-out visitor. */
export function Welcome() {
	const { data: kinds } = useQuery(kindsQuery);
	const { pathname } = useLocation();
	const isHome = useMatch("/");
	const state = isHome ? undefined : { from: pathname };

	return (
		<Page
			title="Abacus"
			heading="Large numbers, the moment they are known"
			lead="Submit an index, and watch its result arrive: Fibonacci and Lucas numbers, factorials, primorials, up to half a million digits."
		>
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
