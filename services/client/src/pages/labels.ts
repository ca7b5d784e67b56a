export const REGISTRATION_LABELS = { username: "User name", email: "E-mail", password: "Password" };
