import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "react-router";
import { messageOf } from "../api/failure";
import type { Kind } from "../api/generated";
import { Working } from "../parts/beads";
import { Dialog } from "../parts/dialog";
import { notify } from "../parts/notices";
import { copyText, downloadText } from "./copy";
import { formatCount, formatDigits } from "./format";
import { isKind, KINDS, parseIndex } from "./kinds";
import { resultQuery } from "./values";

/* In chunks, because browsers lay out and paint only those in view. */
const CHUNK = 4000;

function chunksOf(text: string): string[] {
	return Array.from({ length: Math.ceil(text.length / CHUNK) }, (_, i) => text.slice(i * CHUNK, (i + 1) * CHUNK));
}

async function copy(text: string) {
	if (await copyText(text)) notify("success", `Copied ${formatDigits(text.length)}`);
	else notify("danger", "The browser does not allow this page to copy. Download the result instead.");
}

function Result({ kind, index }: { kind: Kind; index: number }) {
	const { data, error, refetch } = useQuery(resultQuery(kind, index));

	if (error) {
		return (
			<div className="dialog-body">
				<p className="block">{messageOf(error)}</p>
				<button type="button" className="button" onClick={() => refetch()}>
					Try again
				</button>
			</div>
		);
	}
	if (!data) {
		return (
			<p className="dialog-body value-main" role="status">
				<Working />
				<span>{data === null ? "Being calculated" : "Fetching"}</span>
			</p>
		);
	}
	return (
		<>
			<div className="dialog-tools">
				<p className="soft">{formatDigits(data.digits)}</p>
				<button type="button" className="button is-small" onClick={() => copy(data.result)}>
					Copy
				</button>
				<button type="button" className="button is-small" onClick={() => downloadText(`${kind}-${index}.txt`, data.result)}>
					Download
				</button>
			</div>
			{/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls */}
			<section className="digits number" tabIndex={0} aria-label="The whole result">
				{chunksOf(data.result).map((chunk, at) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: the chunks of one number never change their order
					<span key={at}>{chunk}</span>
				))}
			</section>
		</>
	);
}

/* One whole result, above Home. It has its own address, and the browser's Back button closes it. */
export default function ResultDialog() {
	const { kind, index } = useParams();
	const navigate = useNavigate();
	const number = parseIndex(index ?? "");
	const isKnown = isKind(kind) && number !== null;

	return (
		<Dialog title={isKnown ? `${KINDS[kind].name} ${formatCount(number)}` : "There is no such value"} onClose={() => navigate("/")} isWide>
			{isKnown ? (
				<Result kind={kind} index={number} />
			) : (
				<p className="dialog-body">Its kind is unknown, or its index is not a whole number.</p>
			)}
		</Dialog>
	);
}
