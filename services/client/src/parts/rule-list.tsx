import type { Rule } from "./rules";

export function RuleList({ rules }: { rules: Rule[] }) {
	return (
		<ul className="validation-list" aria-label="Requirements">
			{rules.map((rule) => (
				<li key={rule.text} className={rule.isMet ? "success" : "error"}>
					<span className="rule-mark" aria-hidden="true" />
					{rule.text}
					<span className="is-sr-only">{rule.isMet ? " Met." : " Not yet."}</span>
				</li>
			))}
		</ul>
	);
}
