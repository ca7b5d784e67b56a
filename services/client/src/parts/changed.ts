/* Those members of TEXTS that differ from the ones of BEFORE: what a form sends, so that it puts back nothing that was changed elsewhere. */
export function changed<Name extends string>(before: Record<Name, string>, texts: Record<Name, string>): Partial<Record<Name, string>> {
	const names = Object.keys(texts) as Name[];

	return Object.fromEntries(names.filter((name) => texts[name] !== before[name]).map((name) => [name, texts[name]])) as Partial<
		Record<Name, string>
	>;
}
