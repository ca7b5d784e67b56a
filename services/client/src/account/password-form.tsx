import { changePassword, type User } from "../api/accounts";
import { logIn } from "../api/calls";
import { Field } from "../parts/field";
import { notify } from "../parts/notices";
import { RuleList } from "../parts/rule-list";
import { areMet, passwordRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { confirmed } from "../session/confirm";
import { type Session, sessions } from "../session/session";

/* The change ends every session of the user, this one included: this tab logs in again, all others are logged out. With a factor that is asked at
   every login this one is logged out too, because a code is accepted only once. */
async function logInAgain(session: Session, email: string, password: string) {
	const reply = await logIn(email, password, session.isKept).catch(() => null);
	if (!reply || "challenge" in reply) return sessions.endEverywhere("password_changed");
	sessions.start(reply.token, session.isKept, reply.refreshToken);
	notify("success", "Password changed. You are logged out everywhere else.");
}

/* The current password confirms the change, in this form so that password managers recognize it; with a second factor that does. */
export function PasswordForm({ session, user, hasFactor }: { session: Session; user: User; hasFactor: boolean }) {
	const form = useForm({ current: "Current password", new: "New password" }, async ({ current, new: next }) => {
		const what = { parameters: { new: next }, title: "Confirm that it is you", button: "Change password" };
		if (hasFactor) await confirmed({ action: "change_password", ...what }, (confirmation) => changePassword({ new: next }, confirmation));
		else await changePassword({ current, new: next });
		form.clear();
		await logInAgain(session, user.email, next);
	});
	const rules = [
		...(hasFactor ? [] : [{ text: "Your current password is needed.", isMet: form.texts.current !== "" }]),
		...passwordRules(form.texts.new, [user.username, user.email], "New passwords"),
	];

	return (
		<form className="sheet" onSubmit={form.submit} noValidate aria-labelledby="password-title">
			<h2 id="password-title" className="sheet-title">
				Change your password
			</h2>
			<RuleList rules={rules} />
			<input
				className="is-hidden"
				type="text"
				name="username"
				autoComplete="username"
				value={user.email}
				readOnly
				tabIndex={-1}
				aria-hidden="true"
			/>
			{!hasFactor && <Field {...form.field("current")} type="password" autoComplete="current-password" required />}
			<Field {...form.field("new")} type="password" autoComplete="new-password" required />
			<input
				className="button is-primary"
				type="submit"
				value={form.isSending ? "Changing…" : "Change password"}
				disabled={!areMet(rules)}
			/>
		</form>
	);
}
