import { useEffect, useState } from "react";
import { copyText } from "../values/copy";
import { notify } from "./notices";

const COPIED_MS = 2000;

interface CopyButtonProps {
	label?: string;
	copied?: string;
	text: () => string;
	what?: string; // names the text to a screen reader
	otherwise: string; // what helps where the browser does not allow it
}

/* Says in itself that it has copied, where the user is looking. */
export function CopyButton({ label = "Copy", copied = "Copied", text, what, otherwise }: CopyButtonProps) {
	const [isCopied, setCopied] = useState(false);

	useEffect(() => {
		if (!isCopied) return;
		const timer = setTimeout(() => setCopied(false), COPIED_MS);
		return () => clearTimeout(timer);
	}, [isCopied]);

	async function copy() {
		if (await copyText(text())) setCopied(true);
		else notify("danger", `The browser does not allow this page to copy. ${otherwise}`);
	}

	return (
		<button type="button" className="button is-small copy" onClick={copy}>
			<span className="copy-wide" aria-hidden="true">
				{label.length > copied.length ? label : copied}
			</span>
			<span aria-live="polite">{isCopied ? copied : label}</span> {what && <span className="is-sr-only">{what}</span>}
		</button>
	);
}
