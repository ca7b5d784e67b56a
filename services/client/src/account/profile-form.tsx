import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { changeAccount, type User } from "../api/accounts";
import { REGISTRATION_LABELS } from "../pages/labels";
import { changed } from "../parts/changed";
import { Field } from "../parts/field";
import { notify } from "../parts/notices";
import { isEmail } from "../parts/rules";
import { useForm } from "../parts/use-form";
import { confirmed } from "../session/confirm";
import { profileQuery } from "./account";

const { username, email } = REGISTRATION_LABELS;

/* The user's name and email. What was changed is sent, and has to be confirmed. */
export function ProfileForm({ user }: { user: User }) {
	const queries = useQueryClient();
	const saved = { username: user.username, email: user.email };
	const form = useForm(
		{ username, email },
		async (texts) => {
			const body = changed(saved, texts);
			const { user: next, isWaiting } = await confirmed(
				{
					action: "change_account",
					parameters: body,
					title: "Confirm that it is you",
					text: body.email ? `Your email address becomes ${body.email}. A message about it goes to the one of before.` : "",
					button: "Save",
				},
				(confirmation) => changeAccount(body, confirmation),
			);
			queries.setQueryData(profileQuery(user.id).queryKey, next);
			if (isWaiting) form.set({ email: next.email });
			notify("success", isWaiting ? `A link was sent to ${texts.email}. Open it, and that becomes your email address.` : "Saved.");
		},
		saved,
	);
	const isChanged = Object.keys(changed(saved, form.texts)).length > 0;
	const beforeRef = useRef(user);

	/* What was changed elsewhere is shown, unless it is being changed here too: otherwise saving one field would put the other one back. */
	useEffect(() => {
		const before = beforeRef.current;
		beforeRef.current = user;
		form.follow({ username: before.username, email: before.email }, { username: user.username, email: user.email });
	}, [user, form.follow]);

	return (
		<form className="sheet" onSubmit={form.submit} noValidate aria-labelledby="profile-title">
			<div className="sheet-head">
				<h2 id="profile-title">Profile</h2>
				<p className="soft">
					User ID {user.id}
					{user.admin && ", admin"}
				</p>
			</div>
			<Field {...form.field("username")} autoComplete="username" autoCapitalize="none" spellCheck={false} required />
			<Field {...form.field("email")} type="email" autoComplete="email" required />
			<input
				className="button is-primary"
				type="submit"
				value={form.isSending ? "Saving…" : "Save"}
				disabled={!isChanged || form.texts.username === "" || !isEmail(form.texts.email)}
			/>
		</form>
	);
}
