export const REGISTRATION_LABELS = { username: "Username", email: "Email", password: "Password" };
