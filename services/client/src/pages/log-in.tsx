import { useState } from "react";
import { useLocation } from "react-router";
import { logIn } from "../api/calls";
import { Field } from "../parts/field";
import { Link } from "../parts/link";
import { notify } from "../parts/notices";
import { Page } from "../parts/page";
import { RuleList } from "../parts/rule-list";
import { areMet, logInRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { sessions } from "../session/session";

export default function LogIn() {
	const [keep, setKeep] = useState(false);
	const { state } = useLocation();
	const form = useForm({ email: "E-mail", password: "Password" }, async ({ email, password }) => {
		sessions.start(await logIn(email, password), keep);
		notify("success", "Welcome!");
	});
	const rules = logInRules(form.texts);

	return (
		<Page title="Log In" narrow>
			<form className="sheet" onSubmit={form.submit} noValidate>
				<RuleList rules={rules} />
				<Field {...form.field("email")} type="email" autoComplete="username" required />
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
					value={form.isSending ? "Logging in…" : "Log In"}
					disabled={!areMet(rules) || form.isSending}
				/>
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
		</Page>
	);
}
