import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { openDialog } from "./notices";
import { Tray } from "./tray";

/* A modal dialog while it is mounted. The browser keeps the focus inside, and restores it at the end. */
export function Dialog({
	title,
	onClose,
	children,
	isWide,
}: {
	title: string;
	onClose: () => void;
	children: ReactNode;
	isWide?: boolean;
}) {
	const ref = useRef<HTMLDialogElement>(null);
	const isPressedBeside = useRef(false);
	const id = useId();

	/* Close it while it is still in the document: otherwise the browser cannot restore the focus. */
	useLayoutEffect(() => {
		const dialog = ref.current;
		const end = openDialog();
		dialog?.showModal();
		return () => {
			dialog?.close();
			end();
		};
	}, []);

	/* A click that began inside is none beside it: a text that is selected may end there. */
	return (
		// biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it by onCancel; this is for a click beside it
		<dialog
			ref={ref}
			className={isWide ? "dialog is-wide" : "dialog"}
			aria-labelledby={id}
			onCancel={(event) => {
				event.preventDefault();
				onClose();
			}}
			onPointerDown={(event) => {
				isPressedBeside.current = event.target === ref.current;
			}}
			onClick={(event) => event.target === ref.current && isPressedBeside.current && onClose()}
		>
			<div className="dialog-inner">
				<div className="dialog-head">
					<h2 id={id}>{title}</h2>
					<button type="button" className="delete is-medium" aria-label="Close" onClick={onClose} />
				</div>
				{children}
			</div>
			<Tray isInDialog />
		</dialog>
	);
}
