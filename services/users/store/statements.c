#include "store/statements.h"

#include "store/accounts.h"
#include "store/challenges.h"
#include "store/events.h"
#include "store/factors.h"
#include "store/mail.h"
#include "store/mtan.h"
#include "store/passkeys.h"
#include "store/passwords.h"
#include "store/revocations.h"
#include "store/sessions.h"

const struct postgres_statement *const store_statements[] = {
	/* accounts */
	&store_user_insert,
	&store_user_by_id,
	&store_users_page,
	&store_users_found_by_id,
	&store_users_found_by_id_descending,
	&store_users_found_by_username,
	&store_users_found_by_username_descending,
	&store_users_found_by_email,
	&store_users_found_by_email_descending,
	&store_user_taken,
	&store_user_change,
	&store_user_delete,
	&store_account_change,
	&store_email_link,
	&store_account_change_waits,
	&store_email_verify,
	/* passwords */
	&store_password_set,
	&store_user_of_reset,
	&store_password_reset,
	&store_password_forgotten,
	&store_password_resets_begin,
	&store_user_reset,
	&store_password_replace,
	/* sessions */
	&store_user_by_email,
	&store_user_by_login,
	&store_user_of_token,
	&store_session_insert,
	&store_sessions_rotate,
	&store_session_refresh,
	&store_session_misused,
	&store_sessions_of_user,
	&store_session_end,
	&store_device_note,
	&store_sessions_end_others,
	&store_sessions_prune,
	/* revocations */
	&store_token_revocation,
	&store_tokens_end,
	&store_token_revoke,
	&store_revoked_tokens,
	&store_revoked_tokens_by,
	&store_revoked_users,
	&store_user_revocation,
	/* factors */
	&store_factors_of_user,
	&store_factor_enrol,
	&store_factor_pending,
	&store_factor_activate,
	&store_factor_remove,
	&store_recovery_codes_replace,
	&store_factor_ask,
	/* mtan */
	&store_mtan_send,
	&store_mtan_send_for_factor,
	&store_mtan_try_for_factor,
	&store_mtan_of_login,
	/* challenges */
	&store_challenge_insert,
	&store_challenge_account,
	&store_challenge_try,
	&store_challenge_totp,
	&store_challenge_recovery,
	&store_challenge_mtan,
	&store_challenge_password,
	&store_confirmation_use,
	/* passkeys */
	&store_passkey_user,
	&store_passkey_of_credential,
	&store_challenge_passkey,
	&store_passkey_login,
	&store_passkey_copied,
	/* events */
	&store_event_login,
	&store_events_attempted,
	&store_events_prune,
	&store_events_of_user,
	/* mail */
	&store_outbox_claim,
	&store_outbox_settle,
	&store_outbox_prune,
	NULL,
};
