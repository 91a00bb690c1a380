/** What asked for new settings; for status messages. Main thread. */
export type SettingsSource = 'reconfigure' | 'tls-files' | 'password-file' | 'connection-file' | 'relation';
