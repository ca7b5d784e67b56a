#include "accounts/user_json.h"

#include "base/json_write.h"
#include "store/statements.h"

void user_json(struct buf *out, const struct user_shown *user, bool with_admin)
{
	json_write_object(out);
	json_write_member_int(out, "id", user->id);
	json_write_member_text(out, "username", user->username);
	json_write_member_text(out, "email", user->email);
	json_write_member_bool(out, "active", user->is_active);
	if (with_admin)
		json_write_member_bool(out, "admin", user->is_admin);
	json_write_object_end(out);
}

void user_json_name(struct buf *out, int64_t id, const char *username)
{
	json_write_object(out);
	json_write_member_int(out, "id", id);
	json_write_member_text(out, "username", username);
	json_write_object_end(out);
}

void user_json_of_row(struct buf *out, const struct postgres_rows *rows, int row, bool with_admin)
{
	struct user_shown user = {.id = postgres_int(rows, row, COLUMN_USER_ID),
				  .username = postgres_text(rows, row, COLUMN_USER_USERNAME),
				  .email = postgres_text(rows, row, COLUMN_USER_EMAIL),
				  .is_active = postgres_bool(rows, row, COLUMN_USER_IS_ACTIVE),
				  .is_admin = postgres_bool(rows, row, COLUMN_USER_IS_ADMIN)};

	user_json(out, &user, with_admin);
}
