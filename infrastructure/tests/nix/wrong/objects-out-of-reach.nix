# A folder that the sandbox does not let the pagestore write.
{
  sentence = "services.catgraft.pagestore.settings.objectstore.root is /srv/objects, which the service cannot write.";
  change = {
    services.catgraft.pagestore.settings.objectstore.root = "/srv/objects";
  };
}
