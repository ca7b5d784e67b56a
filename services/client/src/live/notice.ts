import type { LiveNotice } from "../api/generated";

const TEXTS: Record<LiveNotice["notice"], string> = {
	email_changed: "The email address of your account was changed.",
	factor_added: "A second factor was added to your account.",
	factor_asked: "When the second factor of your account is asked for was changed.",
	factor_removed: "A second factor was removed from your account.",
	factors_reset: "Your second factors were removed, because a link has proven your email address for the first time.",
	new_device: "A new device has logged in to your account. If that was not you, change your password.",
	passkey_copied: "A passkey of yours may have been copied: a second one like it was refused. Remove it, and add a new one.",
	password_changed: "Your password was changed.",
	recovery_codes_replaced: "Your recovery codes were replaced.",
	session_reused: "A session of yours was ended, because two programs had its key. If that was not you, change your password.",
};

/* undefined: a newer server knows more kinds. */
export function textOfNotice(notice: string): string | undefined {
	return TEXTS[notice as LiveNotice["notice"]];
}
