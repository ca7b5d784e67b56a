import { useEffect, useState } from "react";
import { notify } from "../parts/notices";
import { copyText, downloadText } from "./copy";
import { grouped } from "./digits";

const COPIED_MS = 2000;

/* Says in itself that it has copied, where the user is looking. */
function CopyButton({ label, copied = "Copied", text }: { label: string; copied?: string; text: () => string }) {
	const [isCopied, setCopied] = useState(false);

	useEffect(() => {
		if (!isCopied) return;
		const timer = setTimeout(() => setCopied(false), COPIED_MS);
		return () => clearTimeout(timer);
	}, [isCopied]);

	async function copy() {
		if (await copyText(text())) setCopied(true);
		else notify("danger", "The browser does not allow this page to copy. Download the result instead.");
	}

	return (
		<button type="button" className="button is-small copy" onClick={copy}>
			<span className="copy-wide" aria-hidden="true">
				{label.length > copied.length ? label : copied}
			</span>
			<span aria-live="polite">{isCopied ? copied : label}</span>
		</button>
	);
}

/* Where the system has a way to share, that; elsewhere the address is copied. */
function ShareButton({ title }: { title: string }) {
	if (!navigator.share) return <CopyButton label="Share" copied="Link copied" text={() => window.location.href} />;
	return (
		<button
			type="button"
			className="button is-small"
			onClick={() => navigator.share({ title, url: window.location.href }).catch(() => {})} // also when the user closes it
		>
			Share
		</button>
	);
}

export function ResultTools({ name, title, result }: { name: string; title: string; result: string }) {
	return (
		<p className="result-tools">
			<CopyButton label="Copy" text={() => result} />
			<CopyButton label="Copy in groups" text={() => grouped(result, " ")} />
			<button type="button" className="button is-small" onClick={() => downloadText(`${name}.txt`, result)}>
				Download
			</button>
			<ShareButton title={title} />
		</p>
	);
}
