import { useQuery } from "@tanstack/react-query";
import { changePassword } from "../api/accounts";
import { fetchProfile, logIn } from "../api/calls";
import { Field } from "../parts/field";
import { LogInFirst } from "../parts/log-in-first";
import { notify } from "../parts/notices";
import { Page } from "../parts/page";
import { RuleList } from "../parts/rule-list";
import { areMet, passwordRules } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { type Session, sessions } from "../session/session";
import { useSession } from "../session/use-session";

/* The change revokes every token of the user, this tab's included: this tab logs in again, all others are logged out. */
async function change(session: Session, email: string, current: string, next: string) {
	await changePassword({ current, new: next });
	const reply = await logIn(email, next, session.isKept).catch(() => null);
	if (!reply || "challenge" in reply) return sessions.endEverywhere("password_changed");
	sessions.start(reply.token, session.isKept, reply.refreshToken);
	notify("success", "Password changed. You are logged out everywhere else.");
}

function PasswordForm({ session, user }: { session: Session; user: { username: string; email: string } | undefined }) {
	const email = user?.email;
	const form = useForm({ current: "Current password", new: "New password" }, async (texts) => {
		await change(session, email ?? "", texts.current, texts.new);
		form.clear();
	});
	const rules = [
		{ text: "Your current password is needed.", isMet: form.texts.current !== "" },
		...passwordRules(form.texts.new, user ? [user.username, user.email] : [], "New passwords"),
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
				value={email ?? ""}
				readOnly
				tabIndex={-1}
				aria-hidden="true"
			/>
			<Field {...form.field("current")} type="password" autoComplete="current-password" required />
			<Field {...form.field("new")} type="password" autoComplete="new-password" required />
			<input
				className="button is-primary"
				type="submit"
				value={form.isSending ? "Changing…" : "Change password"}
				disabled={!areMet(rules) || !email || form.isSending}
			/>
		</form>
	);
}

function OwnProfile({ session }: { session: Session }) {
	const { data: user } = useQuery({ queryKey: ["profile", session.userId], queryFn: fetchProfile });

	return (
		<>
			<ul className="sheet facts" aria-busy={!user}>
				<li>
					<strong>User ID:</strong> <span>{user?.id ?? session.userId}</span>
				</li>
				<li>
					<strong>Email:</strong> <span>{user?.email}</span>
				</li>
				<li>
					<strong>Username:</strong> <span>{user?.username}</span>
				</li>
				<li>
					<strong>Admin:</strong> <span>{user && (user.admin ? "yes" : "no")}</span>
				</li>
			</ul>
			<PasswordForm session={session} user={user} />
		</>
	);
}

export default function Profile() {
	const session = useSession();

	return (
		<Page title="User Status" narrow>
			{session ? <OwnProfile key={session.userId} session={session} /> : <LogInFirst />}
		</Page>
	);
}
