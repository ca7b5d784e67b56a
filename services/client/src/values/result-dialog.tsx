import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation, useNavigate, useParams } from "react-router";
import { Failure, messageOf } from "../api/failure";
import type { Kind } from "../api/generated";
import { Working } from "../parts/beads";
import { Dialog } from "../parts/dialog";
import { notify } from "../parts/notices";
import { copyText, downloadText } from "./copy";
import { formatDigits } from "./format";
import { isKind, nameOfValue } from "./kinds";
import { useSubmit } from "./submit-form";
import { resultQuery } from "./values";

/* In chunks, because browsers lay out and paint only those in view. */
const CHUNK = 4000;

function chunksOf(text: string): string[] {
	return Array.from({ length: Math.ceil(text.length / CHUNK) }, (_, i) => text.slice(i * CHUNK, (i + 1) * CHUNK));
}

const COPIED_MS = 2000;

/* Says in itself that it has copied, where the user is looking. */
function CopyButton({ text }: { text: string }) {
	const [isCopied, setCopied] = useState(false);

	useEffect(() => {
		if (!isCopied) return;
		const timer = setTimeout(() => setCopied(false), COPIED_MS);
		return () => clearTimeout(timer);
	}, [isCopied]);

	async function copy() {
		if (await copyText(text)) setCopied(true);
		else notify("danger", "The browser does not allow this page to copy. Download the result instead.");
	}

	return (
		<button type="button" className="button is-small copy" onClick={copy}>
			<span aria-live="polite">{isCopied ? "Copied" : "Copy"}</span>
		</button>
	);
}

/* A result that was not submitted yet, as after following a link to it. */
function Unknown({ kind, index }: { kind: Kind; index: number }) {
	const queries = useQueryClient();
	const submitting = useSubmit();
	const { queryKey } = resultQuery(kind, index);

	return (
		<div className="dialog-body">
			<p className="block">It has not been calculated yet.</p>
			<button
				type="button"
				className="button is-primary"
				disabled={submitting.isPending}
				onClick={() => submitting.submit({ kind, index }, () => queries.resetQueries({ queryKey }))}
			>
				{submitting.isPending ? "Submitting…" : "Calculate"}
			</button>
		</div>
	);
}

function Result({ kind, index }: { kind: Kind; index: number }) {
	const { data, error, refetch } = useQuery(resultQuery(kind, index));

	if (error instanceof Failure && error.httpStatus === 404) return <Unknown kind={kind} index={index} />;
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
				<CopyButton text={data.result} />
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

/* One whole result, above Home. It has its own address. Closing it goes back to the list, if it was opened there. */
export default function ResultDialog() {
	const { kind, index } = useParams();
	const navigate = useNavigate();
	const { state } = useLocation();
	const name = nameOfValue(kind, index);

	function close() {
		if (state?.isAboveList) navigate(-1);
		else navigate("/", { replace: true });
	}

	return (
		<Dialog title={name ?? "There is no such value"} onClose={close} isWide>
			{name && isKind(kind) ? (
				<Result kind={kind} index={Number(index)} />
			) : (
				<p className="dialog-body">Its kind is unknown, or its index is not a whole number.</p>
			)}
		</Dialog>
	);
}
