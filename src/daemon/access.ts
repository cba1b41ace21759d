/**
 * Who may call each RPC, in one table; a test walks the proto descriptor and demands a row for every method.
 * `anyone`: no token needed (the handler may still check who asks). `token`: any valid token; the gate and the handler
 * narrow what it sees. `admin`: a token of scope admin. `owner`: an admin, or the daemon's own user on the unix socket.
 */
export type Access = 'anyone' | 'token' | 'admin' | 'owner';

export const ACCESS: Readonly<Record<string, Access>> = {
  '/broker.v1.Vault/Status': 'anyone',
  '/broker.v1.Vault/Initialize': 'anyone', // the daemon's own user or root on the unix socket, checked by the handler
  '/broker.v1.Vault/Unlock': 'anyone', // needs the password, with back-off
  '/broker.v1.Vault/Elevate': 'anyone', // needs the password, with back-off
  '/broker.v1.Vault/Lock': 'admin',
  '/broker.v1.Vault/ChangePassword': 'admin',
  '/broker.v1.Vault/AddKeySlot': 'admin',
  '/broker.v1.Vault/RemoveKeySlot': 'admin',
  '/broker.v1.Vault/Scan': 'token', // rationed; the home only for its owner, checked by the handler
  '/broker.v1.Vault/Backup': 'admin',
  '/broker.v1.Vault/Restore': 'owner', // works on a locked or absent vault too
  '/broker.v1.Kinds/List': 'anyone',
  '/broker.v1.Presets/List': 'token',
  '/broker.v1.Services/Put': 'admin',
  '/broker.v1.Services/Set': 'admin',
  '/broker.v1.Services/Delete': 'admin',
  '/broker.v1.Services/Test': 'admin',
  '/broker.v1.Services/Trust': 'admin',
  '/broker.v1.Services/ListCookies': 'admin',
  '/broker.v1.Services/ClearCookies': 'admin',
  '/broker.v1.Services/Get': 'token',
  '/broker.v1.Services/List': 'token',
  '/broker.v1.Sessions/Open': 'token',
  '/broker.v1.Sessions/List': 'token',
  '/broker.v1.Sessions/Watch': 'token',
  '/broker.v1.Sessions/Close': 'token',
  '/broker.v1.Sessions/Connect': 'token',
  '/broker.v1.Http/Request': 'token',
  '/broker.v1.Ssh/Exec': 'token',
  '/broker.v1.Ssh/Hosts': 'token',
  '/broker.v1.Ssh/Upload': 'token',
  '/broker.v1.Ssh/Download': 'token',
  '/broker.v1.Tokens/Create': 'token',
  '/broker.v1.Tokens/Hold': 'token',
  '/broker.v1.Tokens/List': 'token',
  '/broker.v1.Tokens/Revoke': 'token',
  '/broker.v1.Files/Put': 'admin',
  '/broker.v1.Files/Get': 'admin',
  '/broker.v1.Files/List': 'admin',
  '/broker.v1.Files/Delete': 'admin',
  '/broker.v1.OAuth/Begin': 'admin',
  '/broker.v1.OAuth/Status': 'admin', // of a login that the same token began
  '/broker.v1.Audit/Query': 'admin',
  '/broker.v1.Audit/Verify': 'admin',
  '/broker.v1.Daemon/Shutdown': 'owner',
};
