import { CopyButton } from "../parts/copy-button";
import { downloadText } from "./copy";
import { grouped } from "./digits";

const OTHERWISE = "Download the result instead.";

/* Where the system has a way to share, that; elsewhere the address is copied. */
function ShareButton({ title }: { title: string }) {
	if (!navigator.share)
		return (
			<CopyButton
				label="Share"
				copied="Link copied"
				text={() => window.location.href}
				otherwise="Copy the address of the browser instead."
			/>
		);
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
			<CopyButton text={() => result} otherwise={OTHERWISE} />
			<CopyButton label="Copy in groups" text={() => grouped(result, " ")} otherwise={OTHERWISE} />
			<button type="button" className="button is-small" onClick={() => downloadText(`${name}.txt`, result)}>
				Download
			</button>
			<ShareButton title={title} />
		</p>
	);
}
