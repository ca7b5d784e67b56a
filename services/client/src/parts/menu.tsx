import { type FocusEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";

/* A button that shows what else can be done. It closes by Escape and by the choice of an item, which give it the focus, and when the focus leaves it. */
export function Menu({ label, children, text = "…" }: { label: string; children: ReactNode; text?: string }) {
	const [isOpen, setOpen] = useState(false);
	const boxRef = useRef<HTMLDivElement>(null);
	const buttonRef = useRef<HTMLButtonElement>(null);

	/* Where a click focuses no button, as in Safari, no focus leaves it either. */
	useEffect(() => {
		if (!isOpen) return;
		const look = (event: Event) => {
			if (!boxRef.current?.contains(event.target as Node)) setOpen(false);
		};
		document.addEventListener("pointerdown", look);
		return () => document.removeEventListener("pointerdown", look);
	}, [isOpen]);

	/* The focused item goes. A dialog that the item opens gives the focus back to the button. */
	function close() {
		setOpen(false);
		buttonRef.current?.focus();
	}

	function onKeyDown(event: KeyboardEvent) {
		if (event.key !== "Escape" || !isOpen) return;
		event.stopPropagation();
		close();
	}

	function onBlur(event: FocusEvent) {
		if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) setOpen(false);
	}

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: the events are of what is inside
		<div ref={boxRef} className="menu-box" onKeyDown={onKeyDown} onBlur={onBlur}>
			<button
				ref={buttonRef}
				type="button"
				className="menu-button"
				aria-label={label}
				aria-expanded={isOpen}
				onClick={() => setOpen(!isOpen)}
			>
				<span aria-hidden="true">{text}</span>
			</button>
			{isOpen && (
				// biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: a click on an item, also by the keyboard, ends here
				<div className="menu-items" onClick={close}>
					{children}
				</div>
			)}
		</div>
	);
}
