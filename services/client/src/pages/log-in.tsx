import { useEffect, useRef, useState } from "react";
import { useLocation } from "react-router";
import { logIn } from "../api/calls";
import { Failure } from "../api/failure";
import type { Challenge } from "../api/generated";
import { Field } from "../parts/field";
import { Link } from "../parts/link";
import { notify } from "../parts/notices";
import { OpenLink, UNVERIFIED } from "../parts/open-link";
import { Page } from "../parts/page";
import { ProofForm } from "../parts/proof-form";
import { RuleList } from "../parts/rule-list";
import { areMet, logInRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { PasskeyLogin } from "../passkeys/passkey-login";
import { sessions, type Tokens } from "../session/session";

interface Waiting {
	challenge: Challenge;
	keep: boolean;
}

function begin({ token, refreshToken }: Tokens, keep: boolean) {
	sessions.start(token, keep, refreshToken);
	notify("success", "Welcome!");
}

interface FirstStepProps {
	onChallenge: (waiting: Waiting) => void;
	onUnverified: (email: string) => void; // "": it is not known
	isAgain: boolean; // after another step, whose focus is gone
}

function FirstStep({ onChallenge, onUnverified, isAgain }: FirstStepProps) {
	const ref = useRef<HTMLFormElement>(null);
	const [keep, setKeep] = useState(false);
	const { state } = useLocation();
	const form = useForm({ email: "Email", password: "Password" }, async ({ email, password }) => {
		try {
			const reply = await logIn(email, password, keep);
			if ("challenge" in reply) onChallenge({ challenge: reply, keep });
			else begin(reply, keep);
		} catch (error) {
			if (!(error instanceof Failure && error.code === UNVERIFIED)) throw error;
			onUnverified(email);
		}
	});
	const rules = logInRules(form.texts);

	useEffect(() => {
		if (isAgain) ref.current?.querySelector("input")?.focus();
	}, [isAgain]);

	return (
		<>
			<form ref={ref} className="sheet" onSubmit={form.submit} noValidate>
				<RuleList rules={rules} />
				<Field {...form.field("email")} type="email" autoComplete="username webauthn" required />
				<Field {...form.field("password")} type="password" autoComplete="current-password" required />
				<label className="checkbox keep">
					<input type="checkbox" name="keep" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
					<span>
						Keep me logged in on this browser
						<span className="soft">Otherwise you are logged in only in this tab, until you close it.</span>
					</span>
				</label>
				<input
					className="button is-primary is-fullwidth"
					type="submit"
					value={form.isSending ? "Logging in…" : "Log in"}
					disabled={!areMet(rules) || form.isSending}
				/>
				<PasskeyLogin keep={keep} onRight={begin} onUnverified={() => onUnverified("")} />
			</form>
			<p className="aside">
				<Link to="/forgot">Forgot your password?</Link>
			</p>
			<p className="aside">
				Not registered yet?{" "}
				<Link to="/register" state={state} replace>
					Register
				</Link>
			</p>
		</>
	);
}

/* The second factor, after the right password. */
function SecondStep({ challenge, keep, onBack }: Waiting & { onBack: () => void }) {
	function end() {
		notify("warning", "That took too long, or too many codes were wrong. Please log in again.");
		onBack();
	}

	return (
		<div className="sheet">
			<ProofForm challenge={challenge} button="Log in" onRight={(answer) => "token" in answer && begin(answer, keep)} onEnded={end}>
				<button type="button" className="button" onClick={onBack}>
					Back
				</button>
			</ProofForm>
		</div>
	);
}

export default function LogIn() {
	const [waiting, setWaiting] = useState<Waiting | null>(null);
	const [unverified, setUnverified] = useState<string | null>(null);
	const [isAgain, setAgain] = useState(false);

	function goBack() {
		setWaiting(null);
		setUnverified(null);
		setAgain(true);
	}

	if (unverified !== null)
		return (
			<Page title="Log in" heading="Confirm your email address" narrow>
				<OpenLink email={unverified}>
					<button type="button" className="button" onClick={goBack}>
						Back
					</button>
				</OpenLink>
			</Page>
		);
	return (
		<Page title="Log in" heading={waiting ? "Confirm that it is you" : "Log in"} narrow>
			{waiting ? (
				<SecondStep {...waiting} onBack={goBack} />
			) : (
				<FirstStep onChallenge={setWaiting} onUnverified={setUnverified} isAgain={isAgain} />
			)}
		</Page>
	);
}
