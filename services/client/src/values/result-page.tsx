import "../style/result.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { type NavigateFunction, useLocation, useNavigate, useParams } from "react-router";
import { Failure, messageOf } from "../api/failure";
import type { Kind, KindLimit } from "../api/generated";
import { Working } from "../parts/beads";
import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { useSession } from "../session/use-session";
import { scientificOf } from "./digits";
import { formatCount, formatDigits, formatDuration } from "./format";
import { estimate, introduction, isKind, KINDS, nameOfValue } from "./kinds";
import { Approximation } from "./number";
import { DigitReader } from "./reader";
import { useRetry } from "./retry";
import { Statistics } from "./statistics";
import { useSubmit } from "./submit-form";
import { ResultTools } from "./tools";
import { kindsQuery, resultQuery } from "./values";

/* How many pages of results were opened above the list: so far back leads to it. */
function depthOf(state: unknown): number {
	return (state as { depth?: number } | null)?.depth ?? 0;
}

function goUp(navigate: NavigateFunction, depth: number) {
	if (depth > 0) navigate(-depth);
	else navigate("/");
}

/* ---- the numbers before and after ---- */

function Neighbour({ kind, index, children }: { kind: Kind; index: number; children: ReactNode }) {
	const depth = depthOf(useLocation().state);

	return (
		<Link
			className="button is-small"
			to={`/values/${kind}/${index}`}
			state={depth > 0 ? { depth: depth + 1 } : null}
			aria-label={nameOfValue(kind, `${index}`) ?? undefined}
		>
			{children}
		</Link>
	);
}

function Way({ kind, index, limit }: { kind: Kind; index: number; limit: number | undefined }) {
	const navigate = useNavigate();
	const depth = depthOf(useLocation().state);
	const { notation } = KINDS[kind];

	return (
		<nav className="way" aria-label="Results">
			<button type="button" className="button is-small" onClick={() => goUp(navigate, depth)}>
				<span aria-hidden="true">←</span>&nbsp;{depth > 0 ? "Your values" : "Home"}
			</button>
			<span className="way-neighbours">
				{index > 0 && (
					<Neighbour kind={kind} index={index - 1}>
						<span aria-hidden="true">‹</span>&nbsp;{notation(index - 1)}
					</Neighbour>
				)}
				{(limit === undefined || index < limit) && (
					<Neighbour kind={kind} index={index + 1}>
						{notation(index + 1)}&nbsp;<span aria-hidden="true">›</span>
					</Neighbour>
				)}
			</span>
		</nav>
	);
}

/* ---- the result ---- */

/* A result that was not submitted yet, as after following a link to it. */
function Unknown({ kind, index }: { kind: Kind; index: number }) {
	const queries = useQueryClient();
	const submitting = useSubmit();
	const { queryKey } = resultQuery(kind, index);

	return (
		<div className="sheet">
			<p className="block">It has not been calculated yet. It has {estimate(kind, index)}.</p>
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

function Failed({ kind, index, mayRetry }: { kind: Kind; index: number; mayRetry: boolean }) {
	const queries = useQueryClient();
	const retrying = useRetry();
	const { queryKey } = resultQuery(kind, index);

	return (
		<div className="sheet">
			<p className="block">The calculation has failed: several workers stopped while they calculated it.</p>
			{mayRetry && (
				<button
					type="button"
					className="button is-primary"
					disabled={retrying.isPending}
					onClick={() => retrying.mutate({ kind, index }, { onSuccess: () => queries.resetQueries({ queryKey }) })}
				>
					Retry
				</button>
			)}
		</div>
	);
}

function Known({ kind, index, result, durationUs }: { kind: Kind; index: number; result: string; durationUs: number }) {
	const scientific = scientificOf(result);

	return (
		<>
			<div className="result-head">
				<ul className="stage-facts">
					{scientific && (
						<li>
							<Approximation {...scientific} />
						</li>
					)}
					<li>{formatDigits(result.length)}</li>
					<li>calculated in {formatDuration(durationUs)}</li>
				</ul>
				<ResultTools name={`${kind}-${index}`} title={nameOfValue(kind, `${index}`) ?? ""} result={result} />
			</div>
			<DigitReader key={`${kind} ${index}`} digits={result} />
			<Statistics kind={kind} index={index} digits={result} />
		</>
	);
}

function Result({ kind, index, submits }: { kind: Kind; index: number; submits: boolean }) {
	const { data, error, refetch } = useQuery(resultQuery(kind, index, submits));

	if (error instanceof Failure && error.httpStatus === 404) return <Unknown kind={kind} index={index} />;
	if (error instanceof Failure && error.code === "calculation_failed") return <Failed kind={kind} index={index} mayRetry={!submits} />;
	if (error) {
		return (
			<div className="sheet">
				<p className="block">{messageOf(error)}</p>
				<button type="button" className="button" onClick={() => refetch()}>
					Try again
				</button>
			</div>
		);
	}
	if (!data) {
		return (
			<div className="sheet result-blank">
				<p className="value-main" role="status">
					<Working />
					<span>{data === null ? "Being calculated" : "Fetching"}</span>
				</p>
			</div>
		);
	}
	return <Known kind={kind} index={index} result={data.result} durationUs={data.duration_us} />;
}

/* What a stranger sees of a number that only users may calculate and read. */
function LogInToSee({ kind, index }: { kind: Kind; index: number }) {
	const state = { from: useLocation().pathname };

	return (
		<div className="sheet">
			<p className="block">
				{KINDS[kind].notation(index)} has {estimate(kind, index)}. Log in to see them.
			</p>
			<p className="buttons">
				<Link className="button is-primary" to="/login" state={state}>
					Log in
				</Link>
				<Link className="button" to="/register" state={state}>
					Register
				</Link>
			</p>
		</div>
	);
}

function openTo(facts: KindLimit | undefined, index: number): boolean {
	return facts?.anonymous_limit != null && index <= facts.anonymous_limit;
}

function Value({ kind, index }: { kind: Kind; index: number }) {
	const session = useSession();
	const { data: kinds } = useQuery(kindsQuery);
	const facts = kinds?.find((one) => one.kind === kind);
	const name = nameOfValue(kind, `${index}`) ?? "";
	const { formula, notation } = KINDS[kind];

	return (
		<Page
			key={`${kind} ${index}`}
			title={name}
			lead={
				<>
					{introduction(kind, index)} {formula(index) !== "1" && `= ${formula(index)}`}
				</>
			}
		>
			<Way kind={kind} index={index} limit={facts?.limit} />
			{facts && index > facts.limit ? (
				<p className="sheet">
					{notation(index)} is too high: {formatCount(facts.limit)} is the highest index of this kind.
				</p>
			) : session || openTo(facts, index) ? (
				<Result kind={kind} index={index} submits={!session} />
			) : facts ? (
				<LogInToSee kind={kind} index={index} />
			) : (
				<div className="sheet result-blank" aria-busy="true" />
			)}
		</Page>
	);
}

/* One whole result: its digits, what is found in them, and their statistics. */
export default function ResultPage() {
	const { kind, index } = useParams();

	if (isKind(kind) && nameOfValue(kind, index)) return <Value kind={kind} index={Number(index)} />;
	return (
		<Page title="There is no such value" narrow>
			<div className="sheet">
				<p className="block">Its kind is unknown, or its index is not a whole number.</p>
				<Link className="button is-primary" to="/">
					Go home
				</Link>
			</div>
		</Page>
	);
}
