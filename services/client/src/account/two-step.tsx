import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useRef, useState } from "react";
import {
	type Asked,
	askFactors,
	type Enrolment,
	enrolFactor,
	type Factor,
	type FactorChange,
	removeFactor,
	replaceRecoveryCodes,
} from "../api/accounts";
import { chunk } from "../parts/chunks";
import { dismissErrors, notify } from "../parts/notices";
import { confirmed, report } from "../session/confirm";
import { type Session, sessions } from "../session/session";
import { formatAge } from "../values/format";
import { factorsQuery, formatDay, useAccountAction } from "./account";
import { RecoveryCodes } from "./recovery-codes";

/* The first with the encoder of QR codes. Most visitors never need either. */
const Enrol = chunk(() => import("./enrol"), true);
const AddPasskey = chunk(() => import("./add-passkey"), true);
const AddPhone = chunk(() => import("./add-phone"), true);

const TITLE = "two-step-title";
const FEW_CODES = 3;
const ASKED: [Asked, string][] = [
	["login", "At every login, and before sensitive actions"],
	["sensitive", "Only before sensitive actions"],
];

interface Words {
	name: string;
	remove: string;
	removed: string;
	void: string;
}

const FACTORS: Record<Factor["method"], Words> = {
	totp: {
		name: "Authenticator app",
		remove: "Remove the authenticator app?",
		removed: "The app is removed.",
		void: "Its codes are no longer accepted",
	},
	mtan: {
		name: "Codes by message",
		remove: "Remove codes by message?",
		removed: "Codes by message are removed.",
		void: "They are no longer accepted",
	},
	passkey: {
		name: "Passkey",
		remove: "Remove the passkey?",
		removed: "The passkey is removed. You can delete it on its device too.",
		void: "It is no longer accepted",
	},
};

type Coded = Exclude<Factor["method"], "passkey">;

const BEGIN: Record<Coded, { text: string; next: string }> = {
	totp: { text: "Add an authenticator app", next: "After that you get the key for your authenticator app." },
	mtan: { text: "Get codes by email", next: "After that a code is sent to your email address." },
};

function FactorRow({ factor, onRemoved }: { factor: Factor; onRemoved: (change: FactorChange) => void }) {
	const used = factor.last_used_at && `, last used ${formatAge(factor.last_used_at, Date.now())}`;
	const words = FACTORS[factor.method];
	const detail = factor.name ?? factor.recipient;
	const name = detail ? `${words.name}: ${detail}` : words.name;
	const removing = useAccountAction(TITLE, async () => {
		onRemoved(
			await confirmed(
				{
					action: "remove_factor",
					parameters: { id: factor.id },
					title: words.remove,
					text: `${words.void}, and you are logged out everywhere else. Without any of them your recovery codes are void too.`,
					button: "Remove",
					isDangerous: true,
				},
				(confirmation) => removeFactor(factor.id, confirmation),
			),
		);
		return `${words.removed} You are logged out everywhere else.`;
	});

	return (
		<li>
			<div>
				<b>{name}</b>
				<p className="soft">
					Added on {formatDay(factor.created_at)}
					{used}.
				</p>
			</div>
			<button type="button" className="button is-small" onClick={() => removing.run()}>
				Remove{" "}
				<span className="is-sr-only">
					{name}, added on {formatDay(factor.created_at)}
				</span>
			</button>
		</li>
	);
}

function CodesLeft({ left, onNew }: { left: number; onNew: (change: FactorChange) => void }) {
	const replacing = useAccountAction(TITLE, async () => {
		const what = { parameters: {}, title: "Get new recovery codes?", text: "Those from before become void.", button: "Get new codes" };
		onNew(await confirmed({ action: "replace_recovery_codes", ...what }, replaceRecoveryCodes));
		return ""; // the codes are shown, and a notification would cover their buttons
	});

	return (
		<li>
			<div>
				<b>Recovery codes</b>
				<p className={left <= FEW_CODES ? "problem" : "soft"}>
					{left === 0 ? "None is left." : `${left} of 10 ${left === 1 ? "is" : "are"} left.`}
				</p>
			</div>
			<button type="button" className="button is-small" onClick={() => replacing.run()}>
				Get new codes
			</button>
		</li>
	);
}

function WhereAsked({ asked, onChanged }: { asked: Asked; onChanged: (change: FactorChange) => void }) {
	const asking = useAccountAction(TITLE, async (next: Asked) => {
		const what = { parameters: { asked: next }, title: "Confirm that it is you", button: "Change" };
		onChanged(await confirmed({ action: "change_factors", ...what }, (confirmation) => askFactors(next, confirmation)));
		const when = next === "login" ? "at every login" : "only before sensitive actions";
		return `The second step is asked for ${when}. You are logged out everywhere else.`;
	});
	const shown = asking.isPending ? asking.variables : asked;

	return (
		<fieldset className="asked">
			<legend className="label">When the second step is asked for</legend>
			{ASKED.map(([value, text]) => (
				<label key={value} className="radio">
					<input type="radio" name="asked" value={value} checked={shown === value} onChange={() => asking.run(value)} /> {text}
				</label>
			))}
		</fieldset>
	);
}

interface AddButtonProps {
	method: Coded;
	text?: string;
	onBegun: (enrolment: Enrolment<Coded>) => void;
}

function AddButton({ method, text, onBegun }: AddButtonProps) {
	const words = BEGIN[method];
	const adding = useMutation({
		mutationFn: () =>
			confirmed(
				{
					action: "add_factor",
					parameters: { method },
					title: "Confirm that it is you",
					text: words.next,
					button: "Continue",
				},
				(confirmation) => enrolFactor(method, confirmation),
			),
		onMutate: dismissErrors,
		onSuccess: onBegun,
		onError: report,
	});

	return (
		<button type="button" className="button is-small" onClick={() => adding.isPending || adding.mutate()}>
			{text ?? words.text}
		</button>
	);
}

function Overview({
	userId,
	onPasskey,
	onPhone,
	onBegun,
	onChanged,
}: {
	userId: number;
	onPasskey: () => void;
	onPhone: () => void;
	onBegun: (enrolment: Enrolment<Coded>) => void;
	onChanged: (change: FactorChange) => void;
}) {
	const { data } = useQuery(factorsQuery(userId));

	const has = (method: Factor["method"]) => data?.factors.some((factor) => factor.method === method);
	const channel = data?.factors.find((factor) => factor.method === "mtan")?.channel;
	const addPhone = data?.sms && (
		<button type="button" className="button is-small" onClick={onPhone}>
			{channel === "sms" ? "Change the telephone number" : "Get codes by SMS"}
		</button>
	);

	if (!data) return <p aria-busy="true" />;
	if (data.factors.length === 0)
		return (
			<>
				<p className="block">
					A stolen password alone then opens nothing: besides it you use a passkey, or enter a code that an app on your phone shows or that
					is sent to you. A passkey also logs you in alone, without a password.
				</p>
				<div className="buttons">
					<button type="button" className="button is-primary" onClick={onPasskey}>
						Add a passkey
					</button>
					<AddButton method="totp" onBegun={onBegun} />
					<AddButton method="mtan" text="Get codes by email instead" onBegun={onBegun} />
					{addPhone}
				</div>
				<p className="soft">A passkey protects you best: no other site can get it from you, as it can get a code.</p>
			</>
		);
	return (
		<>
			<ul className="rows">
				{data.factors.map((factor) => (
					<FactorRow key={factor.id} factor={factor} onRemoved={onChanged} />
				))}
				<CodesLeft left={data.recovery_codes} onNew={onChanged} />
			</ul>
			<WhereAsked asked={data.asked} onChanged={onChanged} />
			<div className="buttons">
				<button type="button" className="button is-small" onClick={onPasskey}>
					{has("passkey") ? "Add another passkey" : "Add a passkey"}
				</button>
				<AddButton method="totp" text={has("totp") ? "Add another app" : undefined} onBegun={onBegun} />
				{channel !== "email" && <AddButton method="mtan" onBegun={onBegun} />}
				{addPhone}
			</div>
		</>
	);
}

/* Second factors: an overview, adding one, or new recovery codes until the user has kept them. */
export function TwoStep({ session, email }: { session: Session; email: string }) {
	const queries = useQueryClient();
	const [enrolment, setEnrolment] = useState<Enrolment<Coded> | "passkey" | "phone" | null>(null);
	const [phone, setPhone] = useState<string | null>(null); // that the enrolment sends a code to; null: the email address
	const [codes, setCodes] = useState<string[] | null>(null);
	const ref = useRef<HTMLHeadingElement>(null);
	const isOpen = enrolment !== null || codes !== null;
	const wasOpen = useRef(false);

	/* The button that closed it is gone, with the focus. */
	useEffect(() => {
		if (wasOpen.current && !isOpen) ref.current?.focus();
		wasOpen.current = isOpen;
	}, [isOpen]);

	function begin(next: typeof enrolment, number: string | null = null) {
		setEnrolment(next);
		setPhone(number);
	}

	function change(to: FactorChange) {
		sessions.renew(to);
		setEnrolment(null);
		setCodes(to.codes ?? null);
	}

	function added(to: FactorChange) {
		change(to);
		queries.invalidateQueries({ queryKey: ["account"] });
		if (!to.codes) notify("success", "It is added. You are logged out everywhere else.");
	}

	return (
		<section className={codes ? "sheet is-printed" : "sheet"} aria-labelledby={TITLE}>
			<h2 id={TITLE} className="sheet-title" tabIndex={-1} ref={ref}>
				Two-step login
			</h2>
			{codes ? (
				<RecoveryCodes codes={codes} email={email} onKept={() => setCodes(null)} />
			) : enrolment ? (
				<Suspense fallback={<p aria-busy="true" />}>
					{enrolment === "passkey" ? (
						<AddPasskey onAdded={added} onClose={() => setEnrolment(null)} />
					) : enrolment === "phone" ? (
						<AddPhone onBegun={begin} onClose={() => setEnrolment(null)} />
					) : (
						<Enrol enrolment={enrolment} recipient={phone ?? email} onAdded={added} onClose={() => setEnrolment(null)} />
					)}
				</Suspense>
			) : (
				<Overview
					userId={session.userId}
					onPasskey={() => begin("passkey")}
					onPhone={() => begin("phone")}
					onBegun={begin}
					onChanged={change}
				/>
			)}
		</section>
	);
}
