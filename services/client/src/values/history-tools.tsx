import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, useId, useState } from "react";
import { deleteAllValues, fetchAllValues } from "../api/calls";
import { messageOf } from "../api/failure";
import { Dialog } from "../parts/dialog";
import { Menu } from "../parts/menu";
import { dismissErrors, notify } from "../parts/notices";
import { Select } from "../parts/select";
import { useAddressFilter } from "../parts/use-address-filter";
import { useSettled } from "../parts/use-settled";
import { downloadText } from "./copy";
import { csvOf, type Filter, filterOf, jsonOf, ORDERS, queryOf, rangeOf, STATES, searchOf } from "./filter";
import { formatCount } from "./format";
import { KIND_NAMES, KINDS } from "./kinds";

const STATE_TEXTS = { pending: "Pending", done: "Done", failed: "Failed" };
const ORDER_TEXTS = { newest: "Newest first", lowest: "Lowest index", highest: "Highest index" };

export function useFilter() {
	return useAddressFilter(filterOf, searchOf);
}

function Search({ text, onText }: { text: string; onText: (text: string) => void }) {
	const id = useId();
	const [typed, setTyped] = useSettled(text, onText);
	const isWrong = rangeOf(typed) === null;

	return (
		<div className="history-search">
			<input
				className={isWrong ? "input is-small is-danger" : "input is-small"}
				type="search"
				name="search"
				inputMode="numeric"
				placeholder="Index, or 100–200"
				aria-label="Search by index"
				value={typed}
				onChange={(event) => setTyped(event.currentTarget.value)}
				aria-invalid={isWrong ? true : undefined}
				aria-describedby={`${id}-help`}
			/>
			<span className="is-sr-only" id={`${id}-help`}>
				{isWrong ? "It must be an index, or two with a dash between them." : ""}
			</span>
		</div>
	);
}

function DeleteAllDialog({ onClose }: { onClose: () => void }) {
	const queries = useQueryClient();
	const deleting = useMutation({
		mutationFn: deleteAllValues,
		onMutate: dismissErrors,
		onSuccess: (count) => notify("success", `${formatCount(count)} ${count === 1 ? "submission was" : "submissions were"} deleted.`),
		onError: (error) => notify("danger", messageOf(error)),
		onSettled() {
			queries.resetQueries({ queryKey: ["values"] });
			onClose();
		},
	});

	return (
		<Dialog title="Delete all your values?" onClose={onClose}>
			<div className="dialog-body">
				<p className="block">
					All of them, also those that the list does not show now. What is still pending is cancelled. This cannot be undone; the results
					themselves stay, and can be submitted again.
				</p>
				<div className="buttons">
					<button type="button" className="button is-danger" disabled={deleting.isPending} onClick={() => deleting.mutate()}>
						{deleting.isPending ? "Deleting…" : "Delete all"}
					</button>
					<button type="button" className="button" onClick={onClose}>
						Keep
					</button>
				</div>
			</div>
		</Dialog>
	);
}

const KEYS: [string, string][] = [
	["j", "the next result"],
	["k", "the result before"],
	["Enter", "opens the result"],
	["/", "searches by index"],
	["?", "shows these keys"],
];

/* What the keys do while the focus is in the list. */
export function KeysDialog({ onClose }: { onClose: () => void }) {
	return (
		<Dialog title="Keys of the list" onClose={onClose}>
			<dl className="dialog-body keys">
				{KEYS.map(([key, text]) => (
					<div key={key}>
						<dt>
							<kbd>{key}</kbd>
						</dt>
						<dd>{text}</dd>
					</div>
				))}
			</dl>
		</Dialog>
	);
}

function useExport(filter: Filter) {
	return useMutation({
		mutationFn: async (as: "csv" | "json") => {
			const values = await fetchAllValues(queryOf(filter));
			downloadText(`abacus-values.${as}`, as === "csv" ? csvOf(values) : jsonOf(values));
			return values.length;
		},
		onMutate: dismissErrors,
		onSuccess: (count) => notify("success", `${formatCount(count)} ${count === 1 ? "value was" : "values were"} exported.`),
		onError: (error) => notify("danger", messageOf(error)),
	});
}

/* What the list shows, and what can be done with all of it. */
export function HistoryTools({ onKeys }: { onKeys: () => void }) {
	const [filter, change] = useFilter();
	const [isDeleting, setDeleting] = useState(false);
	const exporting = useExport(filter);

	return (
		<div className="history-tools">
			<Search text={filter.text} onText={(text) => change({ text })} />
			<Menu label="All values">
				<button type="button" disabled={exporting.isPending} onClick={() => exporting.mutate("csv")}>
					Export as CSV
				</button>
				<button type="button" disabled={exporting.isPending} onClick={() => exporting.mutate("json")}>
					Export as JSON
				</button>
				<button type="button" onClick={onKeys}>
					Keys of the list…
				</button>
				<button type="button" className="is-bad" onClick={() => setDeleting(true)}>
					Delete all…
				</button>
			</Menu>
			<Select
				label="Kind"
				none="Kind: all"
				value={filter.kind}
				all={KIND_NAMES}
				texts={{
					fibonacci: KINDS.fibonacci.name,
					lucas: KINDS.lucas.name,
					factorial: KINDS.factorial.name,
					primorial: KINDS.primorial.name,
				}}
				onChange={(kind) => change({ kind })}
			/>
			<Select
				label="State"
				none="State: all"
				value={filter.state}
				all={STATES}
				texts={STATE_TEXTS}
				onChange={(state) => change({ state })}
			/>
			<Select
				label="Order"
				value={filter.order}
				all={ORDERS}
				texts={ORDER_TEXTS}
				onChange={(order) => change({ order: order ?? "newest" })}
			/>
			{isDeleting && <DeleteAllDialog onClose={() => setDeleting(false)} />}
		</div>
	);
}

const MOVES: Record<string, number> = { j: 1, k: -1 };

/* For the list, while the focus is in it: j and k move from result to result, / goes to the search, and ? calls onKeys(). */
export function followKey(event: KeyboardEvent<HTMLElement>, move: (by: number) => void, onKeys: () => void): void {
	const by = MOVES[event.key];
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	if (by !== undefined) move(by);
	else if (event.key === "/") event.currentTarget.closest("section")?.querySelector<HTMLElement>("[name=search]")?.focus();
	else if (event.key === "?") onKeys();
	else return;
	event.preventDefault();
}
