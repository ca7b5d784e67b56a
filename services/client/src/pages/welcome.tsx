import { useQuery } from "@tanstack/react-query";
import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { formatCount } from "../values/format";
import { KIND_NAMES, KINDS } from "../values/kinds";
import { OpenInstrument } from "../values/open-instrument";
import { kindsQuery } from "../values/values";

/* Home of a logged-out visitor: a number that works at once, unless nothing is open to strangers here. */
export function Welcome() {
	const { data: kinds } = useQuery(kindsQuery);
	const isOpen = kinds === undefined || kinds.some((one) => one.anonymous_limit !== null);

	return (
		<div className="welcome">
			<Page
				title="Abacus"
				heading="Large numbers, the moment they are known"
				lead="Fibonacci and Lucas numbers, factorials, primorials: choose an index, and read every digit, up to half a million of them."
			>
				<p className="buttons welcome-doors">
					<Link className="button is-primary" to="/register">
						Register
					</Link>
					<Link className="button" to="/login">
						Log in
					</Link>
				</p>
				{isOpen && <OpenInstrument />}
				<ul className="kinds">
					{KIND_NAMES.map((kind) => {
						const facts = kinds?.find((one) => one.kind === kind);
						return (
							<li key={kind} className="sheet" data-kind={kind}>
								<h2 className="kind-name">
									{KINDS[kind].name} <span className="notation">{KINDS[kind].general}</span>
								</h2>
								<p className="kind-text">{facts?.description}</p>
								<p className="soft">{facts && `Index 0 to ${formatCount(facts.limit)}`}</p>
							</li>
						);
					})}
				</ul>
			</Page>
		</div>
	);
}
