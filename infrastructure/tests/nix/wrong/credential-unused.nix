# A credential that nobody uses: a typo in its name.
{
  sentence = "services.catgraft.metastore.credentials.auth_key is used by no setting. The names that are used by themselves are auth-key, catalog-url";
  change = {
    services.catgraft.metastore.credentials.auth_key = "/run/secrets/auth-key";
  };
}
