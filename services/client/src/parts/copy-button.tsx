import { useEffect, useState } from "react";
import { copyText } from "../values/copy";
import { notify } from "./notices";

const COPIED_MS = 2000;

/* Says in itself that it has copied, where the user is looking. WHAT names the text to a screen reader. */
export function CopyButton({ text, what, otherwise }: { text: string; what: string; otherwise: string }) {
	const [isCopied, setCopied] = useState(false);

	useEffect(() => {
		if (!isCopied) return;
		const timer = setTimeout(() => setCopied(false), COPIED_MS);
		return () => clearTimeout(timer);
	}, [isCopied]);

	async function copy() {
		if (await copyText(text)) setCopied(true);
		else notify("danger", `The browser does not allow this page to copy. ${otherwise}`);
	}

	return (
		<button type="button" className="button is-small copy" onClick={copy}>
			<span aria-live="polite">{isCopied ? "Copied" : "Copy"}</span> <span className="is-sr-only">{what}</span>
		</button>
	);
}
