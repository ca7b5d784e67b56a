/* A choice of one of few. NONE: what it says when none is chosen; without it, one always is. */
export function Select<T extends string>({
	label,
	value,
	all,
	texts,
	none,
	onChange,
}: {
	label: string;
	value: T | null;
	all: readonly T[];
	texts: Record<T, string>;
	none?: string;
	onChange: (value: T | null) => void;
}) {
	return (
		<div className="select is-small">
			<select
				aria-label={label}
				value={value ?? ""}
				onChange={(event) => onChange(all.find((one) => one === event.currentTarget.value) ?? null)}
			>
				{none !== undefined && <option value="">{none}</option>}
				{all.map((one) => (
					<option key={one} value={one}>
						{texts[one]}
					</option>
				))}
			</select>
		</div>
	);
}
