import { useLocation, useNavigate } from "react-router";
import { resetPassword } from "../api/calls";
import { Field } from "../parts/field";
import { Link } from "../parts/link";
import { notify } from "../parts/notices";
import { Page } from "../parts/page";
import { RuleList } from "../parts/rule-list";
import { areMet, passwordRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { sessions } from "../session/session";

/* Where the link in the message leads. Its token is behind the #, which no browser sends to a server and no log has; and opening the page
   spends nothing, because programs that look for malware open every link. */
export default function ResetPassword() {
	const token = useLocation().hash.slice(1);
	const navigate = useNavigate();
	const form = useForm({ password: "New password" }, async ({ password }) => {
		await resetPassword({ token, password });
		if (sessions.current()) sessions.endEverywhere("password_changed");
		else notify("success", "Password changed. Please log in.");
		navigate("/login", { replace: true });
	});
	const rules = passwordRules(form.texts.password, [], "New passwords");

	return (
		<Page title="Choose a new password" narrow>
			{token ? (
				<form className="sheet" onSubmit={form.submit} noValidate>
					<RuleList rules={rules} />
					<Field {...form.field("password")} type="password" autoComplete="new-password" required />
					<input
						className="button is-primary is-fullwidth"
						type="submit"
						value={form.isSending ? "Changing…" : "Change password"}
						disabled={!areMet(rules) || form.isSending}
					/>
				</form>
			) : (
				<p className="sheet">This link is not complete. Please copy all of it from the message.</p>
			)}
			<p className="aside">
				<Link to="/forgot">Ask for a new link</Link>
			</p>
		</Page>
	);
}
