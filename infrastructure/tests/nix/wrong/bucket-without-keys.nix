# S3 without keys.
{
  sentence = "services.catgraft.pagestore has no keys for its bucket. Name a file of AWS credentials in services.catgraft.pagestore.credentials.s3-credentials";
  change = { lib, ... }: {
    services.catgraft.pagestore.settings.objectstore = {
      type = lib.mkForce "s3_compatible";
      bucket = "b";
    };
  };
}
