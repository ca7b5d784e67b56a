import { useState } from "react";
import { useLocation } from "react-router";
import { register } from "../api/calls";
import { Failure } from "../api/failure";
import { Field } from "../parts/field";
import { Link } from "../parts/link";
import { notify } from "../parts/notices";
import { OpenLink, UNVERIFIED } from "../parts/open-link";
import { Page } from "../parts/page";
import { RuleList } from "../parts/rule-list";
import { areMet, registrationRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { sessions } from "../session/session";
import { REGISTRATION_LABELS } from "./labels";

export default function Register() {
	const { state } = useLocation();
	const [waiting, setWaiting] = useState("");
	const form = useForm(REGISTRATION_LABELS, async (texts) => {
		try {
			const { token, refreshToken } = await register(texts);
			sessions.start(token, false, refreshToken);
			notify("success", "Welcome!");
		} catch (error) {
			if (!(error instanceof Failure && error.code === UNVERIFIED)) throw error;
			setWaiting(texts.email);
		}
	});
	const rules = registrationRules(form.texts);

	if (waiting)
		return (
			<Page title="Register" heading="Almost done" narrow>
				<OpenLink email={waiting}>
					<Link className="button is-primary" to="/login" state={state} replace>
						Log in
					</Link>
				</OpenLink>
			</Page>
		);
	return (
		<Page title="Register" narrow>
			<form className="sheet" onSubmit={form.submit} noValidate>
				<RuleList rules={rules} />
				<Field {...form.field("username")} autoComplete="username" autoCapitalize="none" spellCheck={false} required />
				<Field {...form.field("email")} type="email" autoComplete="email" required />
				<Field {...form.field("password")} type="password" autoComplete="new-password" required />
				<input
					className="button is-primary is-fullwidth"
					type="submit"
					value={form.isSending ? "Registering…" : "Register"}
					disabled={!areMet(rules) || form.isSending}
				/>
			</form>
			<p className="aside">
				Registered already?{" "}
				<Link to="/login" state={state} replace>
					Log in
				</Link>
			</p>
		</Page>
	);
}
