DROP TABLE calculations;
DROP TABLE "values";
