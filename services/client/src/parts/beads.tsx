/* The mark: three rods of an abacus. */
export function Mark() {
	return (
		<svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
			<path className="rod" d="M3 9h26M3 16h26M3 23h26" />
			<g className="bead-warm">
				<ellipse cx="8" cy="9" rx="2.8" ry="3.6" />
				<ellipse cx="14.4" cy="9" rx="2.8" ry="3.6" />
				<ellipse cx="8" cy="16" rx="2.8" ry="3.6" />
				<ellipse cx="23.6" cy="23" rx="2.8" ry="3.6" />
			</g>
			<g className="bead-cool">
				<ellipse cx="24" cy="9" rx="2.8" ry="3.6" />
				<ellipse cx="17.6" cy="16" rx="2.8" ry="3.6" />
				<ellipse cx="24" cy="16" rx="2.8" ry="3.6" />
				<ellipse cx="10.4" cy="23" rx="2.8" ry="3.6" />
				<ellipse cx="17" cy="23" rx="2.8" ry="3.6" />
			</g>
		</svg>
	);
}

/* Being calculated: beads that move along their rod. */
export function Working() {
	return (
		<span className="working" aria-hidden="true">
			<i />
			<i />
			<i />
		</span>
	);
}
