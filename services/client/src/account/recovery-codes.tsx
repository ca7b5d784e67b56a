import { useEffect, useRef } from "react";
import { CopyButton } from "../parts/copy-button";
import { downloadText } from "../values/copy";

/* New recovery codes, which no call gives again: they stay until the user has kept them. */
export function RecoveryCodes({ codes, email, onKept }: { codes: string[]; email: string; onKept: () => void }) {
	const ref = useRef<HTMLHeadingElement>(null);
	const text = `Recovery codes of ${email} for Abacus, ${window.location.host}. Each can be used once.\n\n${codes.join("\n")}\n`;

	useEffect(() => ref.current?.focus(), []);

	return (
		<>
			<h3 className="block" tabIndex={-1} ref={ref}>
				Your recovery codes
			</h3>
			<p className="block soft email">
				{email} on {window.location.host}
			</p>
			<p className="block">
				Each replaces a code or a passkey once, for when you have neither. Keep them where you find them without your phone.{" "}
				<strong>They are shown only now.</strong> You are logged out everywhere else.
			</p>
			<ol className="codes number" aria-label={`Recovery codes of ${email}`}>
				{codes.map((code) => (
					<li key={code}>{code}</li>
				))}
			</ol>
			<div className="buttons">
				<CopyButton text={() => text} what="the codes" otherwise="Download or print them instead." />
				<button type="button" className="button is-small" onClick={() => downloadText("abacus-recovery-codes.txt", text)}>
					Download
				</button>
				<button type="button" className="button is-small" onClick={() => window.print()}>
					Print
				</button>
			</div>
			<button type="button" className="button is-primary" onClick={onKept}>
				I have kept them
			</button>
		</>
	);
}
