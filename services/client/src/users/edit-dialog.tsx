import { useState } from "react";
import type { User, UserChange } from "../api/generated";
import { REGISTRATION_LABELS } from "../pages/labels";
import { changed } from "../parts/changed";
import { Dialog } from "../parts/dialog";
import { Field } from "../parts/field";
import { isEmail } from "../parts/rules";
import { useForm } from "../parts/use-form";

const { username, email } = REGISTRATION_LABELS;

/* The name and the email of a user. SAVE gets what was changed of them, and rejects with what the server has against it. */
export function EditDialog({ user, save, onClose }: { user: User; save: (change: UserChange) => Promise<void>; onClose: () => void }) {
	const [before] = useState({ username: user.username, email: user.email }); // what the texts began as: another admin may change the user meanwhile, and that must not be put back
	const form = useForm(
		{ username, email },
		async (texts) => {
			await save(changed(before, texts));
			onClose();
		},
		before,
	);
	const isChanged = Object.keys(changed(before, form.texts)).length > 0;

	return (
		<Dialog title={`Edit ${user.username}`} onClose={onClose}>
			<form className="dialog-body" onSubmit={form.submit} noValidate>
				<Field {...form.field("username")} autoComplete="off" autoCapitalize="none" spellCheck={false} required />
				<Field {...form.field("email")} type="email" autoComplete="off" required />
				<p className="block soft">Another email ends the links that were sent to the one before, which gets a message about it.</p>
				<input
					className="button is-primary"
					type="submit"
					value={form.isSending ? "Saving…" : "Save"}
					disabled={!isChanged || form.texts.username === "" || !isEmail(form.texts.email)}
				/>
			</form>
		</Dialog>
	);
}
